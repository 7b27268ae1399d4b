"""The OTLP/gRPC door: the Export methods of the trace and metrics services, on raw bytes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import grpc  # type: ignore[import-untyped]

from spanmeter_collector import otlp
from spanmeter_collector.bearer import is_authorized
from spanmeter_collector.otlp import MalformedError, Signal
from spanmeter_collector.pipeline import Pipeline, UnavailableError
from spanmeter_collector.receive import MOST_BYTES
from spanmeter_collector.status import Status

_SERVICES: Final = {
    "opentelemetry.proto.collector.trace.v1.TraceService": Signal.TRACES,
    "opentelemetry.proto.collector.metrics.v1.MetricsService": Signal.METRICS,
}
_WORKERS: Final = 8
_OPTIONS: Final = (("grpc.max_receive_message_length", MOST_BYTES), ("grpc.so_reuseport", 0))


@dataclass(frozen=True, slots=True)
class GrpcDoor:
    """Takes requests in for a pipeline; with a token it asks for it in the metadata."""

    pipeline: Pipeline
    status: Status
    token: str = ""

    def server(self) -> grpc.Server:
        """A server with both services, yet without a port."""
        server = grpc.server(ThreadPoolExecutor(_WORKERS, thread_name_prefix="grpc"), options=_OPTIONS)
        server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    service, {"Export": grpc.unary_unary_rpc_method_handler(self._export(signal))}
                )
                for service, signal in _SERVICES.items()
            ]
        )
        return server

    def _export(self, signal: Signal) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            metadata = dict(context.invocation_metadata())
            if not is_authorized(str(metadata.get("authorization", "")).encode(), self.token):
                self._refuse(context, grpc.StatusCode.UNAUTHENTICATED, "unauthorized", "the bearer token is wrong")
            try:
                request = otlp.parse(signal, body)
                self.pipeline.submit(signal, request, body, transport="grpc").result()
            except MalformedError as error:
                self._refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "malformed", str(error))
            except UnavailableError as error:
                self._refuse(context, grpc.StatusCode.UNAVAILABLE, "overloaded", str(error))
            except OSError as error:
                self._refuse(context, grpc.StatusCode.UNAVAILABLE, "log", f"the log cannot be written: {error}")
            return otlp.write_answer(signal, content_type=otlp.PROTOBUF, refused=otlp.refused_spans(request))

        return export

    def _refuse(self, context: grpc.ServicerContext, code: grpc.StatusCode, reason: str, sentence: str) -> None:
        self.status.refused_requests.labels(reason=reason).inc()
        context.abort(code, sentence)
