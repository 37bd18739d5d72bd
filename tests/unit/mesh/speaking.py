"""A process that logs, traces and dies with a canary in everything it must not tell.

Run as a module with one way to end; its spans go to standard output, its log to standard error.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading

import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from mesh import telemetry
from mesh.config import ProcessSettings
from mesh.errors import NotFoundError

CANARY = "คานารี-9-0000-00000-00-1"


class DriverError(Exception):
    """Quotes what it was given, as drivers do."""


def fail() -> None:
    raise DriverError(f"duplicate key: (name)=({CANARY})")


def logged() -> None:
    log = structlog.get_logger("speaking")
    log.info("case_stored", case_id="c-1", name=CANARY, phone=CANARY, narrative=CANARY)
    try:
        fail()
    except DriverError:
        log.exception("storing_failed", case_id="c-1")
    try:
        fail()
    except DriverError as error:
        log.error("storing_failed_later", exc_info=error)
    log.debug("too_quiet")


def logged_by_a_library() -> None:
    library = logging.getLogger("some.library")
    library.warning("row %s", CANARY)
    try:
        fail()
    except DriverError:
        library.exception("while doing %s", CANARY)
    library.info("too quiet")


def traced() -> None:
    works = [
        telemetry.span("work"),
        telemetry.continued("rpc", {}, server=True),
        telemetry.consuming("reader", {}, 1),
    ]
    for work in works:
        try:
            with work:
                fail()
        except DriverError:
            continue
    try:
        with telemetry.span("refused"):
            raise NotFoundError(CANARY, reason="NO_SUCH_CASE")
    except NotFoundError:
        pass


async def forgotten() -> None:
    async def task() -> None:
        fail()

    task_ = asyncio.create_task(task())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task_


def main(end: str) -> None:
    telemetry.configure("speaking", ProcessSettings(trace_ratio=1.0))
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    match end:
        case "quietly":
            logged()
            logged_by_a_library()
            traced()
        case "forgetting":
            asyncio.run(forgotten())
        case "in a thread":
            thread = threading.Thread(target=fail, name=CANARY)
            thread.start()
            thread.join()
        case _:
            fail()


if __name__ == "__main__":
    main(sys.argv[1])
