"""A process of the mesh for tests of its life: what it does beside living is its argument."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import grpc.aio
from pydantic import SecretStr

from mesh import asgi, service
from mesh.config import ProcessSettings
from mesh.identity import spiffe_id
from mesh.service import Host
from songtor.intake.v1 import intake_pb2, intake_pb2_grpc

CANARY = "คานารี-9-0000-00000-00-1"
GET_CASE = "/songtor.intake.v1.IntakeService/GetCase"


class Settings(ProcessSettings):
    """What the test tells this process."""

    signs: Path = Path()
    http_listen: str = "127.0.0.1:0"
    password: SecretStr = SecretStr("")


class Intake(intake_pb2_grpc.IntakeServiceServicer):
    """Says that it began, and answers when it may."""

    def __init__(self, signs: Path) -> None:
        self._signs = signs

    async def GetCase(self, request: Any, context: Any) -> intake_pb2.GetCaseResponse:  # noqa: N802
        await _work(self._signs)
        return intake_pb2.GetCaseResponse()


async def _work(signs: Path) -> None:
    (signs / "begun").touch()
    while not (signs / "go").exists():  # noqa: ASYNC110 the test's sign
        await asyncio.sleep(0.01)


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _die(signs: Path) -> None:
    await _work(signs)
    raise KeyError(CANARY)


async def build(host: Host) -> None:
    """Open what the argument says."""
    settings = host.settings
    assert isinstance(settings, Settings)
    match sys.argv[1]:
        case "serves":
            await host.database("plumbing")

            def register(server: grpc.aio.Server) -> list[str]:
                servicer = Intake(settings.signs)  # type: ignore[abstract]  # one method does
                intake_pb2_grpc.add_IntakeServiceServicer_to_server(servicer, server)
                return ["songtor.intake.v1.IntakeService"]

            await host.serve({GET_CASE: frozenset({spiffe_id("service", "gateway")})}, register)

            async def application(scope: Any, receive: Any, send: Any) -> None:
                await _work(settings.signs)
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"done"})

            host.spawn("web", asgi.serve(application, settings.http_listen))
            host.spawn("loop", _for_ever())
        case "waits for its broker":
            await host.bus()
        case "cannot start":
            raise KeyError(CANARY)
        case "dies":
            host.spawn("loop", _for_ever())
            host.spawn("mortal", _die(settings.signs))
        case _:
            host.spawn("short", _work(settings.signs))


if __name__ == "__main__":
    service.run("tested", Settings(), build)
