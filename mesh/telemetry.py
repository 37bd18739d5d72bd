"""Logs, traces and metrics, and our names for them.

Log lines are a constant event and fields with ids and codes. An exception is logged as its type and
the places it passed, never with its text: a driver's message may quote what a person told us. The
same holds for what libraries log, for spans, and for errors that nobody caught.
"""

from __future__ import annotations

import errno
import logging
import random
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any

import structlog
from opentelemetry import propagate, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from prometheus_client import Counter, Histogram, disable_created_metrics

from mesh.config import ProcessSettings
from mesh.errors import SongtorError

log = structlog.get_logger(__name__)

RPC_CALLS = "songtor.rpc.calls"
RPC_SECONDS = "songtor.rpc.seconds"
HTTP_SECONDS = "http.server.request.duration"
OUTBOX_PUBLISHED = "songtor.outbox.published"
MESSAGES_CONSUMED = "songtor.messages.consumed"
MESSAGES_PARKED = "songtor.messages.parked"
DELIVERIES = "songtor.deliveries"
DECISIONS = "songtor.decisions"
AGENCY_UPDATES = "songtor.agency_updates"
NOTIFICATIONS = "songtor.notifications"
DEADLINE_LATENESS = "songtor.deadline.lateness_seconds"

# A field of one of these names would be a person's: the line is written without it, and says so.
_PERSONAL = frozenset(
    (
        "address",
        "alleged",
        "body",
        "email",
        "follow_up_code",
        "id_number",
        "name",
        "narrative",
        "payload",
        "people",
        "phone",
        "place_text",
        "reporter",
    )
)

# OpenTelemetry's advice for histograms of seconds.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

_tracer = trace.get_tracer("songtor")
_recorded = {"ratio": 0.0}
# Prometheus's own client: OpenTelemetry's metrics cost ten times as much a measurement, which is
# a third of the gateway's own time for a report.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it carries no types
_metrics: dict[str, Counter | Histogram] = {}
_labelled: dict[tuple[object, ...], Any] = {}


def configure(service: str, settings: ProcessSettings) -> None:
    """Set up logging, tracing and metrics of this process. Call before any channel is opened."""
    logging.basicConfig(level=logging.WARNING, handlers=[_Library()], force=True)
    sys.excepthook = _process_failed
    sys.unraisablehook = _unraisable
    threading.excepthook = _thread_failed
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_trace_id,
            _drop_personal,
            _places_only,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    resource = Resource.create({"service.name": f"songtor-{service}"})
    provider = TracerProvider(
        # Which traces begun here are recorded is decided before the SDK is asked: see `_under`.
        resource=resource,
        sampler=ParentBased(ALWAYS_ON),
    )
    if settings.otlp_endpoint:
        # Imported where it is used: the exporter alone costs a third of a process's start.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp_endpoint))
        )
    trace.set_tracer_provider(provider)
    _recorded["ratio"] = settings.trace_ratio


def _add_trace_id(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
    return event


def _drop_personal(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in _PERSONAL.intersection(event):
        event[key] = "(withheld)"
    return event


def _places_only(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    raised = event.pop("exc_info", None)
    if not raised:
        return event
    if isinstance(raised, tuple):
        raised = raised[1]
    error = raised if isinstance(raised, BaseException) else sys.exc_info()[1]
    if error is not None:
        event["error"] = type(error).__name__
        if isinstance(error, SongtorError):
            event.setdefault("reason", error.reason)
        elif isinstance(error, OSError) and error.errno:
            event["errno"] = errno.errorcode.get(error.errno, str(error.errno))
        event["places"] = [
            f"{_short(frame.filename)}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[-12:]
        ]
    return event


def _short(path: str) -> str:
    return "/".join(path.rsplit("/", 2)[-2:])


class _Library(logging.Handler):
    """Tells where a library warned. Its message is left out: it may quote anything."""

    def emit(self, record: logging.LogRecord) -> None:
        log.log(
            record.levelno,
            "library_warning",
            logger=record.name,
            place=f"{_short(record.pathname)}:{record.lineno}",
            exc_info=record.exc_info,
        )


def _process_failed(
    kind: type[BaseException], error: BaseException, trace_: TracebackType | None
) -> None:
    if isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace_)
    else:
        log.critical("process_failed", exc_info=error)


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    log.error("thread_failed", exc_info=failure.exc_value)


def _unraisable(failure: sys.UnraisableHookArgs) -> None:
    log.error("unraisable", exc_info=failure.exc_value)


def count(name: str, by: int = 1, **labels: str) -> None:
    """Add to a counter. Labels take few values each: codes, never ids. A name keeps its labels."""
    key = (name, *labels.items())
    counter = _labelled.get(key)
    if counter is None:
        stem = name.replace(".", "_")
        metric = _metrics.get(name) or Counter(stem, name, tuple(labels))
        counter = _remember(key, name, metric, labels)
    counter.inc(by)


def observe(name: str, value: float, **labels: str) -> None:
    """Record seconds in a histogram. Labels as in `count`."""
    key = (name, *labels.items())
    histogram = _labelled.get(key)
    if histogram is None:
        stem = name.replace(".", "_").removesuffix("_seconds") + "_seconds"
        metric = _metrics.get(name) or Histogram(stem, name, tuple(labels), buckets=_SECONDS)
        histogram = _remember(key, name, metric, labels)
    histogram.observe(value)


def _remember(
    key: tuple[object, ...], name: str, metric: Counter | Histogram, labels: Mapping[str, str]
) -> Any:
    _metrics[name] = metric
    _labelled[key] = metric.labels(**labels) if labels else metric
    return _labelled[key]


def trace_headers() -> dict[str, str]:
    """Return the W3C trace context of now, for a message's headers."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


def traceparent() -> str:
    """Return the W3C `traceparent` of now, or an empty string outside any trace."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def trace_id() -> str:
    """Return the id by which support finds this request, or an empty string outside any trace."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


def span(name: str, **attributes: str | int) -> AbstractContextManager[None]:
    """Time a piece of work as a span. Attributes are ids and codes."""
    return _under(name, None, attributes=attributes)


def continued(
    name: str, carrier: Mapping[str, str], *, server: bool = False
) -> AbstractContextManager[None]:
    """Go on, under a span of this name, with the trace that `carrier`'s `traceparent` began."""
    kind = trace.SpanKind.SERVER if server else trace.SpanKind.CONSUMER
    return _under(name, propagate.extract(carrier) if carrier else None, kind=kind)


def consuming(
    consumer: str, headers: Mapping[str, str], messages: int
) -> AbstractContextManager[None]:
    """Span of one batch; it goes on with the trace of the batch's first message."""
    return _under(
        f"consume {consumer}",
        propagate.extract(headers),
        kind=trace.SpanKind.CONSUMER,
        attributes={"messaging.system": "nats", "messaging.batch.message_count": messages},
    )


def _under(name: str, context: Context | None, **options: Any) -> AbstractContextManager[None]:
    parent = trace.get_current_span(context).get_span_context()
    if parent.is_valid:
        wanted = bool(parent.trace_flags.sampled)
    else:
        wanted = random.random() < _recorded["ratio"]  # noqa: S311 a share, no secret
    if wanted:
        return _recording(name, context=context, **options)
    return _Unrecorded(parent, context)


@contextmanager
def _recording(name: str, **options: Any) -> Iterator[None]:
    """Open a span that tells of an error its code or type, where the default tells its text."""
    with _tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False, **options
    ) as current:
        try:
            yield
        except Exception as error:
            what = error.reason if isinstance(error, SongtorError) else type(error).__name__
            current.set_status(trace.StatusCode.ERROR, what)
            raise


class _Unrecorded:
    """The ids of a span that nobody records: log lines and callees share its trace all the same.

    The SDK makes such spans too, at five times the cost.
    """

    __slots__ = ("_context", "_span", "_token")

    def __init__(self, parent: trace.SpanContext, context: Context | None) -> None:
        trace_id = parent.trace_id if parent.is_valid else random.getrandbits(128)
        self._span = trace.NonRecordingSpan(
            trace.SpanContext(trace_id, random.getrandbits(64), is_remote=False)
        )
        self._context = context

    def __enter__(self) -> None:
        self._token = attach(trace.set_span_in_context(self._span, self._context))

    def __exit__(self, *_: object) -> None:
        detach(self._token)
