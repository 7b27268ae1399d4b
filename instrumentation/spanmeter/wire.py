"""Brings OTLP bodies to the sidecar: one attempt each, and what came of it."""

from __future__ import annotations

import enum
import zlib
from dataclasses import dataclass
from typing import Final

import requests
from google.protobuf.message import DecodeError
from opentelemetry import context
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util.response import is_fp_closed

from spanmeter.destination import Destination, on_this_machine
from spanmeter.fork import in_child
from spanmeter.version import __version__

HURRIED_TIMEOUT_S: Final = 2.0
MAX_ANSWER_BYTES: Final = 64 * 1024
_LATER: Final = frozenset({408, 425, 429, 502, 503, 504})
_BODY_AT_FAULT: Final = frozenset({400, 413, 415, 422})
_GZIP: Final = 16 + zlib.MAX_WBITS
_FAST: Final = 1
_MOST_SAID: Final = 200


class Outcome(enum.Enum):
    """What came of an attempt.

    The sidecar took the body; it is away for the moment; it failed, maybe over this body; it takes none from here
    until somebody mends a token or an address; or it never takes this body.
    """

    TAKEN = "taken"
    AWAY = "away"
    FAILED = "failed"
    BARRED = "barred"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of one attempt, why it was not taken, and how many spans of a taken body were rejected.

    `absent` if nobody answers there, so that there is no use in asking again at once. `advice` tells the user of an
    application that is barred what to mend.
    """

    outcome: Outcome
    reason: str = ""
    rejected: int = 0
    retry_after_s: float = 0.0
    absent: bool = False
    advice: str = ""


class Wire:
    """Connections to one destination, kept open between attempts; for one thread at a time."""

    def __init__(self, destination: Destination) -> None:
        self._to = destination
        self.timeout_s = destination.timeout_s
        self._open()
        in_child(self._open)

    def _open(self) -> None:
        # After a fork the old connections are the parent's: closing them here could wait for a lock it held.
        self._abandoned = getattr(self, "_session", None)
        self._session = requests.Session()
        names = {"content-type": "application/x-protobuf", "user-agent": f"spanmeter/{__version__}"}
        self._session.headers.update(names | dict(self._to.headers))
        # Proxies and certificates of the environment are read once here, not for every request.
        self._settings = self._session.merge_environment_settings(
            self._to.url, {}, True, self._to.certificate, self._to.client_certificate
        )
        if on_this_machine(self._to.url):
            self._settings["proxies"] = {}
        self._session.trust_env = False
        self._request = self._session.prepare_request(requests.Request("POST", self._to.url))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def post(self, body: bytes) -> Reply:
        """Try once to send a body."""
        if self._to.compression == "gzip":
            return self.post_packed(pack(body))
        if self._to.compression == "deflate":
            return self._post(zlib.compress(body, _FAST), "deflate")
        return self._post(body, None)

    def post_packed(self, packed: bytes) -> Reply:
        """Try once to send what `pack` made of a body."""
        return self._post(packed, "gzip")

    def _post(self, body: bytes, encoding: str | None) -> Reply:
        request = self._request.copy()
        request.prepare_body(body, None)
        if encoding is not None:
            request.headers["content-encoding"] = encoding
        token = context.attach(unseen())
        try:
            reply = self._attempt(request)
            # The sidecar closes connections that were idle; whether this one was shows only now.
            return self._attempt(request) if reply.absent else reply
        finally:
            context.detach(token)

    def _attempt(self, request: requests.PreparedRequest) -> Reply:
        try:
            answer = self._session.send(request, timeout=self.timeout_s, allow_redirects=False, **self._settings)
            content = answer.raw.read(MAX_ANSWER_BYTES, decode_content=True)
            if not is_fp_closed(answer.raw):
                answer.close()
        except (OSError, HTTPError) as error:  # of requests, of certificates on disk, and of urllib3
            waited = isinstance(error, (requests.Timeout, ReadTimeoutError))
            return Reply(Outcome.AWAY, f"{type(error).__name__}: {_words(error)}", absent=not waited)
        return self._reply(answer, content)

    def _reply(self, answer: requests.Response, content: bytes) -> Reply:
        status = answer.status_code
        if status < 300:
            return _taken(content)
        reason = ": ".join(filter(None, (f"{status} {answer.reason}", _said(answer, content))))
        if status in _LATER:
            return Reply(Outcome.AWAY, reason, retry_after_s=_seconds(answer.headers.get("retry-after", "")))
        if status in _BODY_AT_FAULT:
            return Reply(Outcome.REFUSED, reason)
        if status >= 500:
            return Reply(Outcome.FAILED, reason)
        return Reply(Outcome.BARRED, reason, advice=self._advice(status, answer.headers.get("location", "")))

    def _advice(self, status: int, location: str) -> str:
        if location:
            return f"it redirects to {location}; set OTEL_EXPORTER_OTLP_ENDPOINT to where it really is"
        if status not in {401, 403}:
            return "set OTEL_EXPORTER_OTLP_ENDPOINT to the address of a sidecar"
        if any(name.lower() == "authorization" for name in self._to.headers):
            return "the token in OTEL_EXPORTER_OTLP_HEADERS is not the sidecar's SPANMETER_INGEST_TOKEN"
        return "set OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20<the sidecar's SPANMETER_INGEST_TOKEN>"


def pack(body: bytes) -> bytes:
    """Compress a body as gzip, for speed."""
    compressor = zlib.compressobj(_FAST, zlib.DEFLATED, _GZIP)
    return compressor.compress(body) + compressor.flush()


def unseen() -> context.Context:
    """Return a context in which no instrumentation of HTTP clients makes spans of our requests."""
    return context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True)  # noqa: SLF001  the API's own, unnamed


def _said(answer: requests.Response, content: bytes) -> str:
    """What a refusal says in words.

    In protobuf it is a google.rpc.Status, of which a number and the words are encoded as those of a partial success:
    https://opentelemetry.io/docs/specs/otlp/#failures
    """
    if answer.headers.get("content-type", "").startswith("application/x-protobuf"):
        try:
            words = ExportTracePartialSuccess.FromString(content).error_message
        except DecodeError:
            return ""
    else:
        words = content.decode(errors="replace")
    return " ".join(words.split())[:_MOST_SAID]


def _taken(content: bytes) -> Reply:
    try:
        part = ExportTraceServiceResponse.FromString(content).partial_success
    except DecodeError:  # an answer that is no OTLP, such as a proxy's page
        return Reply(Outcome.TAKEN)
    return Reply(Outcome.TAKEN, part.error_message, part.rejected_spans)


def _words(error: BaseException) -> str:
    """Return what the connection failed of, without the layers that passed it on."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    said = str(error)
    return said if said.isprintable() else "what answers is no HTTP; a port for gRPC, such as 4317, is not meant here"


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdecimal() else 0.0
