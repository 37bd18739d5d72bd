"""gRPC over mutual TLS: who may call what, and what a caller learns when it goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc.aio
import pytest
import pytest_asyncio

from mesh import rpc
from mesh.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    FieldViolation,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    SongtorError,
    UnavailableError,
    UnknownOutcomeError,
)
from mesh.identity import DevelopmentAuthority, Identity, spiffe_id
from mesh.probes import add_probes
from songtor.intake.v1 import intake_pb2, intake_pb2_grpc
from songtor.registry.v1 import registry_pb2, registry_pb2_grpc
from songtor.type.v1.type_pb2 import CaseScope
from tests.fakes.cable import Cable, cable

GET_CASE = "/songtor.intake.v1.IntakeService/GetCase"
IMPORT_UNITS = "/songtor.registry.v1.RegistryService/ImportUnits"
GET_SNAPSHOT = "/songtor.registry.v1.RegistryService/GetSnapshot"
CANARY = "คานารี-9-0000-00000-00-1"
CASE = str(uuid4())


@dataclass
class Behaviour:
    """What the servicers below do next."""

    raises: Exception | None = None
    waits: asyncio.Event | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    imported: list[str] = field(default_factory=list)
    callers: list[str] = field(default_factory=list)

    async def act(self, context: Any) -> None:
        self.callers.append(rpc.caller(context))
        self.begun.set()
        if self.waits is not None:
            await self.waits.wait()
        if self.raises is not None:
            raise self.raises


class Intake(intake_pb2_grpc.IntakeServiceServicer):
    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    async def GetCase(self, request: Any, context: Any) -> intake_pb2.GetCaseResponse:  # noqa: N802
        await self._behaviour.act(context)
        return intake_pb2.GetCaseResponse(
            case=intake_pb2.Case(scope=CaseScope(case_id=request.case_id))
        )

    async def TrackCase(self, request: Any, context: Any) -> intake_pb2.TrackCaseResponse:  # noqa: N802
        raise AssertionError("nobody may call this")


class Registry(registry_pb2_grpc.RegistryServiceServicer):
    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    async def GetSnapshot(  # noqa: N802
        self, request: Any, context: Any
    ) -> AsyncIterator[registry_pb2.GetSnapshotResponse]:
        yield registry_pb2.GetSnapshotResponse()
        await self._behaviour.act(context)
        yield registry_pb2.GetSnapshotResponse()

    async def ImportUnits(  # noqa: N802
        self, request: AsyncIterator[registry_pb2.ImportUnitsRequest], context: Any
    ) -> registry_pb2.ImportUnitsResponse:
        async for chunk in request:
            self._behaviour.imported.append(chunk.author)
        await self._behaviour.act(context)
        return registry_pb2.ImportUnitsResponse()


@dataclass
class World:
    authority: DevelopmentAuthority
    behaviour: Behaviour
    port: int
    stack: AsyncExitStack
    folder: Path

    def channel(
        self, identity: Identity, *, service: str = "intake", port: int | None = None
    ) -> grpc.aio.Channel:
        opened = rpc.channel(f"127.0.0.1:{port or self.port}", identity, service=service)
        self.stack.push_async_callback(opened.close)
        return opened

    def gateway(self, **options: Any) -> grpc.aio.Channel:
        return self.channel(self.authority.issue("service", "gateway"), **options)

    async def cable(self) -> Cable:
        return await self.stack.enter_async_context(cable("127.0.0.1", self.port))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentAuthority:
    return DevelopmentAuthority(tmp_path_factory.mktemp("authority"))


@pytest_asyncio.fixture
async def world(authority: DevelopmentAuthority, tmp_path: Path) -> AsyncIterator[World]:
    gateway = frozenset({spiffe_id("service", "gateway")})
    allowed = {GET_CASE: gateway, IMPORT_UNITS: gateway, GET_SNAPSHOT: gateway}
    identity = authority.issue("service", "intake")
    behaviour = Behaviour()
    server = rpc.server(identity, allowed)
    intake_pb2_grpc.add_IntakeServiceServicer_to_server(Intake(behaviour), server)  # type: ignore[abstract]  # two methods do
    registry_pb2_grpc.add_RegistryServiceServicer_to_server(Registry(behaviour), server)  # type: ignore[abstract]
    await add_probes(server, ["songtor.intake.v1.IntakeService"])
    port = server.add_secure_port("127.0.0.1:0", identity.server_credentials())
    await server.start()
    async with AsyncExitStack() as stack:
        yield World(authority, behaviour, port, stack, tmp_path)
    if behaviour.waits is not None:
        behaviour.waits.set()
    await server.stop(1)


async def get_case(
    channel: grpc.aio.Channel, case_id: str = CASE, *, timeout: float = 5
) -> intake_pb2.GetCaseResponse:
    stub = intake_pb2_grpc.IntakeServiceStub(channel)
    return await rpc.call(stub.GetCase, intake_pb2.GetCaseRequest(case_id=case_id), timeout=timeout)


async def refused(work: Awaitable[object]) -> SongtorError:
    with pytest.raises(SongtorError) as raised:
        await work
    return raised.value


# Who may call.


async def test_an_allowed_caller_is_answered_and_known_by_its_certificate(world: World) -> None:
    answer = await get_case(world.gateway())
    assert answer.case.scope.case_id == CASE
    assert world.behaviour.callers == ["spiffe://songtor/service/gateway"]


async def test_another_service_is_refused(world: World) -> None:
    channel = world.channel(world.authority.issue("service", "alerting"))
    error = await refused(get_case(channel))
    assert (type(error), error.reason) == (PermissionDeniedError, "CALLER")
    assert world.behaviour.callers == []


async def test_an_adapter_of_the_same_name_is_not_the_service(world: World) -> None:
    channel = world.channel(world.authority.issue("adapter", "gateway"))
    assert isinstance(await refused(get_case(channel)), PermissionDeniedError)


async def test_a_caller_without_a_certificate_is_refused(world: World) -> None:
    ca = world.authority.issue("service", "gateway").ca_path.read_bytes()
    bare = grpc.aio.secure_channel(
        f"127.0.0.1:{world.port}",
        grpc.ssl_channel_credentials(root_certificates=ca),
        options=[("grpc.ssl_target_name_override", "intake.service.songtor")],
    )
    world.stack.push_async_callback(bare.close)
    assert isinstance(await refused(get_case(bare)), UnavailableError)
    assert world.behaviour.callers == []


async def test_a_certificate_of_another_authority_is_refused(world: World) -> None:
    stranger = DevelopmentAuthority(world.folder / "elsewhere").issue("service", "gateway")
    # It believes our authority, and shows a certificate that ours never signed.
    stranger.ca_path.write_bytes(world.authority.issue("tool", "x").ca_path.read_bytes())
    assert isinstance(await refused(get_case(world.channel(stranger))), UnavailableError)
    assert world.behaviour.callers == []


async def test_a_server_of_another_authority_is_not_believed(world: World) -> None:
    stranger = DevelopmentAuthority(world.folder / "elsewhere").issue("service", "gateway")
    assert isinstance(await refused(get_case(world.channel(stranger))), UnavailableError)


async def test_a_server_of_another_name_is_not_believed(world: World) -> None:
    """Whoever took over an address is not the service for it."""
    error = await refused(get_case(world.gateway(service="routing")))
    assert isinstance(error, UnavailableError)
    assert world.behaviour.callers == []


async def test_a_method_that_no_list_names_is_closed_to_all(world: World) -> None:
    stub = intake_pb2_grpc.IntakeServiceStub(world.gateway())
    request = intake_pb2.TrackCaseRequest(reference="x", follow_up_code="y")
    error = await refused(rpc.call(stub.TrackCase, request))
    assert (type(error), error.reason) == (PermissionDeniedError, "CALLER")


async def test_a_stranger_learns_nothing_about_what_is_wrong_with_its_request(
    world: World,
) -> None:
    channel = world.channel(world.authority.issue("service", "alerting"))
    assert isinstance(await refused(get_case(channel, "not-an-id")), PermissionDeniedError)


# What is asked.


async def test_a_field_that_is_wrong_is_named_with_its_rule(world: World) -> None:
    error = await refused(get_case(world.gateway(), "not-an-id"))
    assert isinstance(error, InvalidArgumentError)
    assert error.reason == "INVALID_FIELDS"
    assert [(v.field, v.reason) for v in error.violations] == [("case_id", "string.uuid")]
    assert world.behaviour.callers == []


async def test_what_was_asked_is_not_quoted_in_the_refusal(world: World) -> None:
    error = await refused(get_case(world.gateway(), CANARY))
    assert isinstance(error, InvalidArgumentError)
    assert CANARY not in f"{error}{error.violations}{error.details}"


async def test_a_request_with_a_thousand_faults_is_still_told_what_is_wrong(world: World) -> None:
    wrong = [registry_pb2.Unit() for _ in range(900)]
    chunks = _chunks(registry_pb2.ImportUnitsRequest(units=wrong))
    stub = registry_pb2_grpc.RegistryServiceStub(world.gateway())
    error = await refused(rpc.call(stub.ImportUnits, chunks))
    assert isinstance(error, InvalidArgumentError)
    assert len(error.violations) >= 20


async def test_every_message_of_a_stream_is_checked(world: World) -> None:
    chunks = _chunks(
        registry_pb2.ImportUnitsRequest(author="somebody"),
        registry_pb2.ImportUnitsRequest(author="a" * 101),
    )
    stub = registry_pb2_grpc.RegistryServiceStub(world.gateway())
    error = await refused(rpc.call(stub.ImportUnits, chunks))
    assert isinstance(error, InvalidArgumentError)
    assert [violation.field for violation in error.violations] == ["author"]
    assert world.behaviour.imported == ["somebody"]


async def test_a_good_stream_passes(world: World) -> None:
    chunks = _chunks(*(registry_pb2.ImportUnitsRequest(author=str(n)) for n in range(3)))
    stub = registry_pb2_grpc.RegistryServiceStub(world.gateway())
    await rpc.call(stub.ImportUnits, chunks)
    assert world.behaviour.imported == ["0", "1", "2"]


async def test_a_message_that_is_too_large_is_never_to_be_sent_again(world: World) -> None:
    chunks = _chunks(registry_pb2.ImportUnitsRequest(reason="x" * 5_000_000))
    stub = registry_pb2_grpc.RegistryServiceStub(world.gateway())
    error = await refused(rpc.call(stub.ImportUnits, chunks))
    assert (type(error), error.reason) == (InvalidArgumentError, "MESSAGE_TOO_LARGE")


# What comes back.


@pytest.mark.parametrize(
    "raised",
    [
        NotFoundError("ไม่พบเรื่องนี้", reason="NO_SUCH_CASE"),
        AlreadyExistsError("used", reason="IDEMPOTENCY_KEY_REUSED", details={"report": "r-1"}),
        FailedPreconditionError("late", reason="STALE_VERSION", details={"state": "accepted"}),
        UnavailableError("the database does not answer", reason="DATABASE_UNAVAILABLE"),
        UnknownOutcomeError("who knows", reason="COMMIT_UNKNOWN"),
        InvalidArgumentError(
            "one field", reason="X", violations=[FieldViolation("place", "UNKNOWN", "ไม่รู้จัก")]
        ),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_arrives_as_what_it_was(world: World, raised: SongtorError) -> None:
    world.behaviour.raises = raised
    error = await refused(get_case(world.gateway()))
    assert type(error) is type(raised)
    assert (error.message, error.reason, error.details) == (
        raised.message,
        raised.reason,
        raised.details,
    )
    assert getattr(error, "violations", None) == getattr(raised, "violations", None)


async def test_an_error_of_ours_arrives_without_its_text(world: World) -> None:
    world.behaviour.raises = KeyError(CANARY)
    error = await refused(get_case(world.gateway()))
    assert (type(error), error.reason) == (UnknownOutcomeError, "INTERNAL")
    assert CANARY not in f"{error}{error.details}"


async def test_neither_does_one_that_breaks_a_stream(world: World) -> None:
    world.behaviour.raises = KeyError(CANARY)
    stub = registry_pb2_grpc.RegistryServiceStub(world.gateway())
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await _read(stub.GetSnapshot(registry_pb2.GetSnapshotRequest()))
    assert raised.value.code() is grpc.StatusCode.INTERNAL
    assert CANARY not in f"{raised.value.details()}{raised.value.trailing_metadata()}"


async def test_a_stream_is_refused_to_a_stranger_and_whole_for_a_friend(world: World) -> None:
    request = registry_pb2.GetSnapshotRequest()
    stranger = world.channel(world.authority.issue("service", "alerting"))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await _read(registry_pb2_grpc.RegistryServiceStub(stranger).GetSnapshot(request))
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
    friend = registry_pb2_grpc.RegistryServiceStub(world.gateway())
    assert len(await _read(friend.GetSnapshot(request))) == 2


async def test_an_answer_that_comes_too_late_is_an_unknown_outcome(world: World) -> None:
    world.behaviour.waits = asyncio.Event()
    error = await refused(get_case(world.gateway(), timeout=0.3))
    assert (type(error), error.reason) == (UnknownOutcomeError, "DEADLINE_EXCEEDED")


async def test_a_service_that_is_away_did_nothing(world: World) -> None:
    line = await world.cable()
    line.cut()
    error = await refused(get_case(world.gateway(port=line.port), timeout=5))
    assert (type(error), error.reason) == (UnavailableError, "SERVICE_UNAVAILABLE")


async def test_a_connection_that_breaks_during_a_call_is_an_unknown_outcome(world: World) -> None:
    """The request was with the servicer: to say that nothing was done would be a lie."""
    line = await world.cable()
    world.behaviour.waits = asyncio.Event()
    call = asyncio.create_task(get_case(world.gateway(port=line.port), timeout=10))
    await world.behaviour.begun.wait()
    line.cut()
    error = await refused(call)
    assert (type(error), error.reason) == (UnknownOutcomeError, "CONNECTION_LOST")


async def test_after_the_connection_is_mended_calls_pass_again(world: World) -> None:
    line = await world.cable()
    channel = world.gateway(port=line.port)
    await get_case(channel)
    line.cut()
    assert isinstance(await refused(get_case(channel)), UnavailableError | UnknownOutcomeError)
    line.mend()
    async with asyncio.timeout(10):
        while True:
            try:
                await get_case(channel, timeout=1)
            except (UnavailableError, UnknownOutcomeError):
                continue
            break


async def _chunks(
    *chunks: registry_pb2.ImportUnitsRequest,
) -> AsyncIterator[registry_pb2.ImportUnitsRequest]:
    for chunk in chunks:
        yield chunk


async def _read(stream: Any) -> list[Any]:
    return [item async for item in stream]
