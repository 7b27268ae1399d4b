"""What a provider answered once: the exchange as it went over the wire, and where it is written down.

Two notations are read: the exchanges of `exchanges/*.json`, and the cassettes of VCR (`*.yaml`, also gzipped), which
many projects keep beside their tests.
"""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

_GZIP: Final = b"\x1f\x8b"
_STREAMS: Final = (
    "text/event-stream",
    "application/x-ndjson",
    "application/stream+json",
    "application/vnd.amazon.eventstream",
)
_CASSETTES: Final = (".yaml", ".yml", ".gz")


@dataclass(frozen=True, slots=True)
class Recording:
    """One answered request; `source` names its file and its number there, `headers` are the answer's, in lower case.

    `billed` are tools that the provider ran and bills, by bucket, where they stand outside of the usage object.
    """

    source: str
    url: str
    asked: Mapping[str, Any]
    headers: Mapping[str, str]
    body: bytes
    billed: Mapping[str, int] = field(default_factory=dict)

    @property
    def content_type(self) -> str:
        """What the body is."""
        if self.url.endswith("-stream"):
            return "application/vnd.amazon.eventstream"
        if self.body.startswith((b"data:", b"event:", b": ")):
            return "text/event-stream"
        said = self.headers.get("content-type", "")
        return said if "/" in said else "application/json"

    @property
    def streamed(self) -> bool:
        """Whether the body is a stream of events."""
        return self.content_type.startswith(_STREAMS)


def recordings(folder: Path) -> Iterator[Recording]:
    """Read every answered request below a folder, in the order of the files' names."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".json":
            yield from _exchanges(path)
        elif path.suffix in _CASSETTES:
            yield from _cassette(path, str(path.relative_to(folder)))


def _exchanges(path: Path) -> Iterator[Recording]:
    for name, exchange in json.loads(path.read_text(encoding="utf-8")).items():
        form = next(form for form in _FORMS if form in exchange)
        content_type, spell = _FORMS[form]
        headers = {"content-type": content_type, **exchange.get("headers", {})}
        source, asked, billed = f"{path.stem}-{name}", exchange.get("asked", {}), exchange.get("billed", {})
        yield Recording(source, exchange["url"], asked, headers, spell(exchange[form]), billed)


def _events(events: list[dict[str, Any]]) -> bytes:
    named = (f"event: {event['type']}\n" if "type" in event else "" for event in events)
    lines = (f"{name}data: {json.dumps(event)}\n\n" for name, event in zip(named, events, strict=True))
    end = ["data: [DONE]\n\n"] if "choices" in events[0] else []
    return "".join([*lines, *end]).encode()


def _lines(documents: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(document)}\n" for document in documents).encode()


def _amazon(events: list[tuple[str, dict[str, Any]]]) -> bytes:
    return b"".join(_amazon_event(kind, json.dumps(event).encode()) for kind, event in events)


def _amazon_event(kind: str, payload: bytes) -> bytes:
    """Frame an event after https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html."""
    said = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        struct.pack(f">B{len(name)}sBH{len(value)}s", len(name), name.encode(), 7, len(value), value.encode())
        for name, value in said.items()
    )
    prelude = struct.pack(">II", len(headers) + len(payload) + 16, len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


_FORMS: Final[Mapping[str, tuple[str, Callable[[Any], bytes]]]] = {
    "answer": ("application/json", lambda answer: json.dumps(answer).encode()),
    "events": ("text/event-stream", _events),
    "lines": ("application/x-ndjson", _lines),
    "amazon": ("application/vnd.amazon.eventstream", _amazon),
}
"""How the body of an exchange is written down, and how it goes over the wire."""


def _cassette(path: Path, name: str) -> Iterator[Recording]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    read = _load(text)
    if not isinstance(read, dict):
        return
    pairs = [(each.get("request"), each.get("response")) for each in read.get("interactions") or ()]
    pairs += list(zip(read.get("requests") or (), read.get("responses") or (), strict=False))
    for number, (request, response) in enumerate(pairs):
        if request and response and _status(response) == 200:
            yield _recording(f"{name}#{number}", request, response)


def _recording(source: str, request: Mapping[str, Any], response: Mapping[str, Any]) -> Recording:
    headers = {
        key.lower(): value[0] if isinstance(value, list) else str(value)
        for key, value in (response.get("headers") or {}).items()
        if value
    }
    asked = _json(_body(request))
    return Recording(
        source,
        unquote(str(request.get("uri") or request.get("url") or "")),
        asked if isinstance(asked, dict) else {},
        headers,
        _body(response),
    )


def _status(response: Mapping[str, Any]) -> int:
    status = response.get("status") or response.get("status_code") or 0
    return int(status["code"] if isinstance(status, Mapping) else status)


def _body(message: Mapping[str, Any]) -> bytes:
    if "parsed_body" in message:
        return json.dumps(message["parsed_body"]).encode()
    body = message.get("body")
    if isinstance(body, Mapping):
        body = body["base64_string"] if "base64_string" in body else body.get("string")
    if body is None and "content" in message:
        body = message["content"]
    if isinstance(body, str):
        body = body.encode()
    return gzip.decompress(body) if isinstance(body, bytes) and body.startswith(_GZIP) else body or b""


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _load(text: bytes) -> object:
    import yaml  # noqa: PLC0415  only cassettes need it

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Reads plain values, and nothing for Python's own objects."""

    Loader.add_multi_constructor("", lambda *_: None)
    try:
        return yaml.load(text, Loader=Loader)
    except yaml.YAMLError:
        return None
