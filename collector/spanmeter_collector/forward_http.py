"""The way to an OTLP/HTTP endpoint, by https://opentelemetry.io/docs/specs/otlp/#otlphttp-response."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

from spanmeter_collector.destination import Destination
from spanmeter_collector.otlp import PROTOBUF, Signal
from spanmeter_collector.reply import ALL, Reply

_PATHS: Final[Mapping[Signal, str]] = {Signal.TRACES: "/v1/traces", Signal.METRICS: "/v1/metrics"}
_LATER: Final = frozenset({408, 429, 502, 503, 504})
_LONGEST_RETRY_AFTER_S: Final = 300.0
_GZIP: Final = 16 + zlib.MAX_WBITS
_HEADERS: Final = {"content-type": PROTOBUF, "content-encoding": "gzip"}


class HttpWay:
    """Posts to a destination, compressed."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self.shown = destination.shown

    def packed(self, bodies: Sequence[bytes]) -> bytes:
        """Requests of one signal as one, compressed."""
        stream = zlib.compressobj(1, wbits=_GZIP)
        return b"".join([*(stream.compress(body) for body in bodies), stream.flush()])

    def send(self, signal: Signal, packed: bytes, *, most_s: float) -> Reply:
        """Make one attempt."""
        try:
            response = self._destination.post(_PATHS[signal], packed, _HEADERS, most_s=most_s)
        except HTTPError as error:
            return Reply(done=False, reason=type(error).__name__)
        if response.status in _LATER:
            return Reply(done=False, wait_s=_retry_after_s(response), reason=f"status {response.status}")
        if not 200 <= response.status < 300:
            return Reply(done=True, refused_spans=ALL, reason=f"{_PATHS[signal]} status {response.status}")
        return Reply(done=True, refused_spans=refused_spans(signal, response.data))

    def close(self) -> None:
        """Give the connection up."""
        self._destination.close()


def refused_spans(signal: Signal, answer: bytes) -> int:
    """How many spans a partial success leaves out; answers that are no OTLP leave out none."""
    if signal is not Signal.TRACES:
        return 0
    try:
        return max(ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans, 0)
    except DecodeError:
        return 0


def _retry_after_s(response: BaseHTTPResponse) -> float:
    try:
        said = Retry().parse_retry_after(response.headers.get("retry-after", "0"))
    except (InvalidHeader, ValueError, OverflowError):  # a date that no calendar has
        return 0.0
    return min(max(said, 0.0), _LONGEST_RETRY_AFTER_S)
