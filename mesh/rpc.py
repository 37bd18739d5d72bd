"""gRPC: servers that know who calls, channels that show who we are, one mapping of errors.

Every method has an allow-list of callers; a method without one is closed. Request fields are
checked against the rules in the proto files before a servicer sees them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

import grpc
import grpc.aio
import protovalidate
import structlog
from google.protobuf.message import Message
from google.rpc import status_pb2
from grpc_status import rpc_status

from mesh import telemetry
from mesh.errors import (
    FieldViolation,
    InvalidArgumentError,
    PermissionDeniedError,
    ResourceExhaustedError,
    SongtorError,
    UnavailableError,
    UnknownOutcomeError,
)
from mesh.identity import Identity, peer_of, server_name
from mesh.status import from_status, to_status

log = structlog.get_logger(__name__)

R = TypeVar("R")
AllowList = Mapping[str, frozenset[str]]
_MethodHandler = Any  # generic only in the stubs

_MAX_MESSAGE = 4 * 1024 * 1024
_OPEN_TO_ALL = ("/grpc.health.v1.Health/", "/grpc.reflection.")
_SERVER_OPTIONS = [
    ("grpc.max_receive_message_length", _MAX_MESSAGE),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
    # Clients ping idle channels too (below): without this they would be sent away for it.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.so_reuseport", 0),
]
_CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


def server(identity: Identity | None, allowed: AllowList) -> grpc.aio.Server:
    """Return a server that checks callers against `allowed`: full method name -> SPIFFE ids."""
    return grpc.aio.server(
        interceptors=[_Guard(allowed, check_peer=identity is not None)],
        options=_SERVER_OPTIONS,
        maximum_concurrent_rpcs=2_000,
    )


def channel(address: str, identity: Identity | None, *, service: str) -> grpc.aio.Channel:
    """Open a channel to a service, kept for the process's life.

    The server must prove that it is `service`, whatever address it answers on.
    """
    if identity is None:
        return grpc.aio.insecure_channel(address, options=_CHANNEL_OPTIONS)
    return grpc.aio.secure_channel(
        address,
        identity.channel_credentials(),
        options=[
            *_CHANNEL_OPTIONS,
            ("grpc.ssl_target_name_override", server_name("service", service)),
        ],
    )


async def call(
    method: Callable[..., Awaitable[R]],
    request: Message | AsyncIterable[Message],
    *,
    timeout: float = 5.0,
) -> R:
    """Call a method that answers once and return its answer, or raise one of the family.

    `UnavailableError` means that nothing was done; `UnknownOutcomeError` that nobody knows: ask
    again under the same key. Never retries by itself.
    """
    metadata = tuple(telemetry.trace_headers().items())
    try:
        return await method(request, timeout=timeout, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        raise _translated(error) from None


def _translated(error: grpc.aio.AioRpcError) -> SongtorError:
    status = rpc_status.from_call(error)
    if status is not None:
        return from_status(status)
    match error.code():
        case grpc.StatusCode.UNAVAILABLE if _never_left(error):
            return UnavailableError("the service does not answer", reason="SERVICE_UNAVAILABLE")
        case grpc.StatusCode.UNAVAILABLE:
            # The request had left: whoever broke the connection may have served it before.
            return UnknownOutcomeError(
                "the connection broke; ask again with the same key", reason="CONNECTION_LOST"
            )
        case grpc.StatusCode.RESOURCE_EXHAUSTED if "larger than max" in (error.details() or ""):
            return InvalidArgumentError("more than one call may carry", reason="MESSAGE_TOO_LARGE")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return ResourceExhaustedError("too much at once", reason="TOO_MUCH")
        case _:
            return UnknownOutcomeError(
                "no answer came in time; ask again with the same key", reason=error.code().name
            )


def _never_left(error: grpc.aio.AioRpcError) -> bool:
    """Say whether there was no connection to send the request on.

    gRPC gives no code for this, only its text; an unknown text means that it may have left.
    """
    text = error.details() or ""
    return any(
        sure in text
        for sure in (
            "failed to connect to all addresses",
            "connections to all backends failing",
            "DNS resolution failed",
            "Domain name not found",
        )
    )


class _Guard(grpc.aio.ServerInterceptor):
    """Admits, validates, measures, and turns our errors into statuses."""

    def __init__(self, allowed: AllowList, *, check_peer: bool) -> None:
        self._allowed = allowed
        self._check_peer = check_peer

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_MethodHandler | None]],
        details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(details)
        method = details.method
        if handler is None or method.startswith(_OPEN_TO_ALL):
            return handler
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(
                self._unary(method, handler.unary_unary),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(
                self._streaming(method, handler.unary_stream),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        if handler.stream_unary:
            return grpc.stream_unary_rpc_method_handler(
                self._unary(method, handler.stream_unary),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        raise TypeError(f"{method}: streams both ways are not used here")

    def _unary(self, method: str, inner: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            started = time.perf_counter()
            outcome = "ok"
            carrier = {key: str(value) for key, value in context.invocation_metadata() or ()}
            try:
                with telemetry.continued(method, carrier, server=True):
                    self._admit(method, context)
                    return await inner(_checked(request), context)
            except asyncio.CancelledError:
                outcome = "CANCELLED"
                raise
            except Exception as error:  # noqa: BLE001 the caller gets it
                outcome = error.reason if isinstance(error, SongtorError) else "INTERNAL"
                await _abort(method, context, error)
            finally:
                _measure(method, outcome, started)

        return guarded

    def _streaming(self, method: str, inner: Callable[..., Any]) -> Callable[..., Any]:
        async def guarded(
            request: Any, context: grpc.aio.ServicerContext[Any, Any]
        ) -> AsyncIterator[Any]:
            started = time.perf_counter()
            outcome = "ok"
            try:
                self._admit(method, context)
                async for item in inner(_checked(request), context):
                    yield item
            except (asyncio.CancelledError, GeneratorExit):
                outcome = "CANCELLED"
                raise
            except Exception as error:  # noqa: BLE001 the caller gets it
                outcome = error.reason if isinstance(error, SongtorError) else "INTERNAL"
                await _abort(method, context, error)
            finally:
                _measure(method, outcome, started)

        return guarded

    def _admit(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        if not self._check_peer:
            return
        peer = peer_of(context.auth_context())
        if peer is None or peer not in self._allowed.get(method, frozenset()):
            log.warning("caller_refused", method=method, peer=peer)
            raise PermissionDeniedError("this caller may not use this method", reason="CALLER")


async def _abort(
    method: str, context: grpc.aio.ServicerContext[Any, Any], error: Exception
) -> None:
    """Answer with an error; what is not of our family is logged, and none of its text told."""
    if isinstance(error, SongtorError):
        await context.abort_with_status(rpc_status.to_status(to_status(error)))
    log.error("rpc_failed", method=method, exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, "an error of ours; it is logged")


def _measure(method: str, outcome: str, started: float) -> None:
    telemetry.count(telemetry.RPC_CALLS, method=method, outcome=outcome)
    telemetry.observe(telemetry.RPC_SECONDS, time.perf_counter() - started, method=method)


def _checked(request: Any) -> Any:
    """Return the request, or the stream of them, once each message of it passed its rules."""
    if not isinstance(request, Message):
        return _each_checked(request)
    validate(request)
    return request


async def _each_checked(requests: AsyncIterable[Message]) -> AsyncIterator[Message]:
    async for request in requests:
        validate(request)
        yield request


def caller(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """Return the SPIFFE id the caller proved, or an empty string on a channel without TLS."""
    return peer_of(context.auth_context()) or ""


def validate(message: Message) -> None:
    """Check a message against its rules in the proto files."""
    violations = protovalidate.collect_violations(message)
    if violations:
        found = [
            FieldViolation(
                field=_path(violation),
                reason=violation.proto.rule_id,
                description=violation.proto.message,
            )
            for violation in violations
        ]
        raise InvalidArgumentError(
            "some fields are not as they must be", reason="INVALID_FIELDS", violations=found
        )


def _path(violation: Any) -> str:
    parts: list[str] = []
    for element in violation.proto.field.elements:
        name = element.field_name
        subscript = element.subscript
        index = getattr(subscript, "value", None) if subscript is not None else None
        parts.append(f"{name}[{index}]" if index is not None else name)
    return ".".join(parts)


def refusal(error: SongtorError) -> status_pb2.Status:
    """Return the error as one result among others in a batch answer."""
    return to_status(error)
