"""The OTLP/gRPC door: the Export methods of the trace and metrics services, on raw bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NoReturn

import grpc  # type: ignore[import-untyped]
from google.protobuf.message import Message
from grpc import StatusCode as Code

from spanmeter_collector import otlp
from spanmeter_collector.bearer import NO_TOKENS, Tokens
from spanmeter_collector.body import MOST_BYTES
from spanmeter_collector.intake import Intake, Redact, TooManySpansError, take_in
from spanmeter_collector.otlp import MalformedError, Signal
from spanmeter_collector.otlp_answer import bad_request, is_wait, retry_info, status, write_answer
from spanmeter_collector.pipeline import OverloadedError, Pipeline, UnavailableError
from spanmeter_collector.status import Status

_SERVICES: Final = {
    "opentelemetry.proto.collector.trace.v1.TraceService": Signal.TRACES,
    "opentelemetry.proto.collector.metrics.v1.MetricsService": Signal.METRICS,
}
_UNAUTHORIZED: Final = "the metadata authorization: Bearer <SPANMETER_INGEST_TOKEN> is missing or wrong"
_WORKERS: Final = 8
_OPTIONS: Final = (("grpc.max_receive_message_length", MOST_BYTES), ("grpc.so_reuseport", 0))


@dataclass(frozen=True, slots=True)
class GrpcDoor:
    """Takes requests in for a pipeline; with tokens it asks for one in the metadata."""

    pipeline: Pipeline
    status: Status
    tokens: Tokens = NO_TOKENS
    redact: Redact | None = None

    def server(self) -> grpc.Server:
        """A server with both services, yet without a port."""
        server = grpc.server(ThreadPoolExecutor(_WORKERS, thread_name_prefix="grpc"), options=_OPTIONS)
        server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    service, {"Export": grpc.stream_unary_rpc_method_handler(self._export(signal))}
                )
                for service, signal in _SERVICES.items()
            ]
        )
        return server

    def _export(self, signal: Signal) -> Callable[[Iterator[bytes], grpc.ServicerContext], bytes]:
        def export(bodies: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            told = [str(said).encode() for name, said in context.invocation_metadata() if name == "authorization"]
            if not self.tokens.admits(told):
                self._refuse(context, "unauthorized", Code.UNAUTHENTICATED, _UNAUTHORIZED)
            with self._refusing(context):
                self.pipeline.check_room()
            body = self._only(bodies, context)
            intake = self._take_in(signal, body, context)
            with self._refusing(context):
                self.pipeline.submit(signal, intake, transport="grpc").result()
            self.status.note_intake(refused=len(intake.refused), too_old=intake.too_old, lost=intake.lost)
            return write_answer(signal, intake, content_type=otlp.PROTOBUF)

        return export

    def _only(self, bodies: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        """The body of a call. gRPC itself refuses one that is too large; here it is known only that none came."""
        try:
            return next(bodies)
        except (StopIteration, grpc.RpcError):
            self._refuse(context, "unread", Code.CANCELLED, "no body came")

    def _take_in(self, signal: Signal, body: bytes, context: grpc.ServicerContext) -> Intake:
        try:
            return take_in(signal, body, closed=self.pipeline.closed_days, redact=self.redact)
        except MalformedError as error:
            self._refuse(context, "malformed", Code.INVALID_ARGUMENT, str(error), bad_request(str(error)))
        except TooManySpansError as error:
            self._refuse(context, "too_many_spans", Code.INVALID_ARGUMENT, str(error), bad_request(str(error)))

    @contextmanager
    def _refusing(self, context: grpc.ServicerContext) -> Iterator[None]:
        try:
            yield
        except OverloadedError as error:
            self._refuse(context, "overloaded", Code.RESOURCE_EXHAUSTED, str(error), retry_info(error.wait_s))
        except UnavailableError as error:
            self._refuse(context, error.reason, Code.UNAVAILABLE, str(error), retry_info(error.wait_s))
        except OSError as error:
            sentence = f"the log cannot be written: {error}"
            self._refuse(context, "log", Code.UNAVAILABLE, sentence, retry_info(UnavailableError.wait_s))

    def _refuse(
        self, context: grpc.ServicerContext, reason: str, code: Code, sentence: str, *details: Message
    ) -> NoReturn:
        """End a call with a status that says why; https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-throttling.

        The Python SDK looks for the time to wait in a trailer of its own, the others in the status.
        """
        self.status.refused_requests.labels(reason=reason).inc()
        said = status(code.value[0], sentence, *details)
        trailers = [("grpc-status-details-bin", said.SerializeToString())]
        trailers += [("google.rpc.retryinfo-bin", wait.SerializeToString()) for wait in details if is_wait(wait)]
        context.set_trailing_metadata(tuple(trailers))
        context.abort(code, sentence)
        raise AssertionError("abort raises")
