"""The way to an OTLP/gRPC endpoint, by https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-response."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc import StatusCode as Code

from spanmeter_collector.destination import login
from spanmeter_collector.forward_http import refused_spans
from spanmeter_collector.otlp import Signal
from spanmeter_collector.reply import ALL, Reply
from spanmeter_collector.settings import Forwarding

SECURE: Final = "grpcs"
SCHEMES: Final = frozenset({"grpc", SECURE})
PORT: Final = 4317
_METHODS: Final[Mapping[Signal, str]] = {
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_LATER: Final = frozenset(
    {Code.CANCELLED, Code.DEADLINE_EXCEEDED, Code.ABORTED, Code.OUT_OF_RANGE, Code.UNAVAILABLE, Code.DATA_LOSS}
)
_TIMEOUT_S: Final = 10.0
_SHORTEST_TIMEOUT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 300.0
_OPTIONS: Final = (("grpc.max_send_message_length", -1), ("grpc.max_reconnect_backoff_ms", 5_000))


class GrpcWay:
    """Calls the Export methods of an endpoint over one connection, with the configured headers as metadata.

    A `grpcs://` endpoint is trusted by the authorities that SSL_CERT_FILE names, or those that come with gRPC.
    """

    def __init__(self, forwarding: Forwarding) -> None:
        parts = urlsplit(forwarding.url)
        place = f"{parts.netloc.rpartition('@')[2]}{'' if parts.port else f':{PORT}'}"
        self.shown = forwarding.shown_url
        self._metadata = tuple((login(forwarding.url) | dict(forwarding.headers)).items())
        options = {"options": _OPTIONS, "compression": grpc.Compression.Gzip}
        if parts.scheme == SECURE:
            self._channel = grpc.secure_channel(place, grpc.ssl_channel_credentials(_authorities()), **options)
        else:
            self._channel = grpc.insecure_channel(place, **options)
        self._calls = {signal: self._channel.unary_unary(method) for signal, method in _METHODS.items()}

    def packed(self, bodies: Sequence[bytes]) -> bytes:
        """Requests of one signal as one; gRPC compresses it."""
        return b"".join(bodies)

    def send(self, signal: Signal, packed: bytes, *, most_s: float) -> Reply:
        """Make one attempt."""
        seconds = max(min(most_s, _TIMEOUT_S), _SHORTEST_TIMEOUT_S)
        try:
            answer = self._calls[signal](packed, timeout=seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            return _refusal(error)
        return Reply(done=True, refused_spans=refused_spans(signal, answer))

    def close(self) -> None:
        """Give the connection up."""
        self._channel.close()


def _refusal(error: Any) -> Reply:  # noqa: ANN401  gRPC's errors are calls as well
    code, wait_s = error.code(), _wait_s(error)
    reason = f"status {code.name}"
    if code in _LATER or (code is Code.RESOURCE_EXHAUSTED and wait_s is not None):
        return Reply(done=False, wait_s=wait_s or 0.0, reason=reason)
    return Reply(done=True, refused_spans=ALL, reason=reason)


def _wait_s(error: Any) -> float | None:  # noqa: ANN401
    """How long the endpoint says to wait; None where it does not."""
    told = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    try:
        details = Status.FromString(told).details
        waits = [RetryInfo.FromString(each.value).retry_delay for each in details if each.Is(RetryInfo.DESCRIPTOR)]
    except DecodeError:
        return None
    return min(max(waits[0].seconds + waits[0].nanos / 1e9, 0.0), _LONGEST_WAIT_S) if waits else None


def _authorities() -> bytes | None:
    file = os.environ.get("SSL_CERT_FILE")
    return Path(file).read_bytes() if file else None
