"""Parts of messages in the shapes of the OpenTelemetry GenAI conventions."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from enum import Enum
from itertools import islice
from typing import Any, Final

from spanmeter.capture import content_limit
from spanmeter.content.fitting import shortened

Part = dict[str, Any]

MOST_BLOB: Final = 4096
"""Characters of base64 that stand inline; of longer data only the size does."""
_DEEPEST: Final = 16
_LARGEST: Final = 1 << 256
_MODALITIES: Final = ("image", "audio", "video")


def text(content: object) -> Part:
    """What was written."""
    return {"type": "text", "content": _words(content)}


def reasoning(content: object) -> Part:
    """What a model thought before it answered, as far as its provider shows it."""
    return {"type": "reasoning", "content": _words(content)}


def tool_call(call_id: object, name: object, arguments: object) -> Part:
    """A call of a tool that a model asks for; arguments that are a JSON text are told as what they say."""
    given = _parsed(arguments) if isinstance(arguments, str) else arguments
    return {"type": "tool_call", **_id(call_id), "name": str(name or ""), "arguments": plain_value(given)}


def tool_response(call_id: object, response: object) -> Part:
    """What a tool answered, as the model is told of it."""
    told = _words(response) if isinstance(response, str) else plain_value(response)
    return {"type": "tool_call_response", **_id(call_id), "response": told}


def server_tool_call(call_id: object, name: object, details: Mapping[str, Any]) -> Part:
    """A call of a tool that the provider runs itself."""
    told = {"type": "server_tool_call", **_id(call_id), "name": str(name or "")}
    return {**told, "server_tool_call": plain_value(_without_data(details))}


def server_tool_response(call_id: object, details: Mapping[str, Any]) -> Part:
    """What a tool of the provider's answered."""
    told = {"type": "server_tool_call_response", **_id(call_id)}
    return {**told, "server_tool_call_response": plain_value(_without_data(details))}


def unknown(kind: object, details: Mapping[str, Any]) -> Part:
    """A part of a kind that the convention does not name."""
    return {**plain_value(_without_data(details)), "type": str(kind or "unknown")}


def media(kind: str, data: object, mime_type: object = None) -> Part:
    """Data of a kind (image, audio, video, document) that was sent itself, in base64; long data is left out."""
    encoded = data.decode("ascii", "replace") if isinstance(data, bytes) else str(data)
    if encoded.startswith("data:"):
        return media_at(kind, encoded, mime_type)
    told: Part = {"type": "blob", "modality": kind, **_mime(mime_type)}
    if len(encoded) <= MOST_BLOB:
        return {**told, "content": encoded}
    return {**told, "content": "", "size_bytes": len(encoded) * 3 // 4 - encoded[-2:].count("=")}


def media_at(kind: str, address: object, mime_type: object = None) -> Part:
    """Data that is named by an address; a `data:` address is the data itself."""
    where = str(address)
    if not where.startswith("data:"):
        return {"type": "uri", "modality": kind, **_mime(mime_type), "uri": where}
    head, _, data = where.removeprefix("data:").partition(",")
    return media(kind, data.removeprefix("data:"), head.partition(";")[0] or mime_type)


def media_file(kind: str, file_id: object, mime_type: object = None) -> Part:
    """Data that was handed to the provider before."""
    return {"type": "file", "modality": kind, **_mime(mime_type), "file_id": str(file_id)}


def modality(mime_type: object) -> str:
    """The kind of data that a MIME type names."""
    kind = str(mime_type or "").partition("/")[0]
    return kind if kind in _MODALITIES else "document"


def definition(tool: Mapping[str, Any]) -> Part:
    """A tool that a model was offered, from the form of OpenAI, Anthropic or Gemini."""
    inner = tool.get("function")
    told = inner if isinstance(inner, Mapping) else tool
    schema = next((told[key] for key in ("parameters", "input_schema", "inputSchema") if told.get(key)), None)
    kind = str(tool.get("type") or "function")
    if kind not in {"function", "custom"}:
        return {"type": kind, "name": str(told.get("name") or kind)}
    found: Part = {"type": "function", "name": str(told.get("name") or "")}
    if told.get("description"):
        found["description"] = _words(told["description"])
    return found if schema is None else {**found, "parameters": plain_value(schema)}


def plain_value(value: Any, *, depth: int = _DEEPEST) -> Any:  # noqa: ANN401  whatever a framework holds
    """The same as JSON has it: mappings, lists, texts, numbers; what is nested deeper than 16 is left out."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int or kind is float:
        return _number(value)
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): plain_value(held, depth=depth - 1) for key, held in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_value(held, depth=depth - 1) for held in islice(value, content_limit())]
    return _plain_object(value, depth)


def _number(value: float) -> float | str:
    if type(value) is int:
        return value if -_LARGEST < value < _LARGEST else hex(value)
    return value if math.isfinite(value) else str(value)


def _plain_object(value: Any, depth: int) -> Any:  # noqa: ANN401  as above
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    if isinstance(value, Enum):
        return plain_value(value.value, depth=depth - 1)
    dump = None if isinstance(value, type) else getattr(value, "model_dump", None)
    return str(value) if dump is None else plain_value(dump(), depth=depth - 1)


def _parsed(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def _words(content: object) -> str:
    return shortened(content if type(content) is str else str(content), content_limit())


def _id(call_id: object) -> Part:
    return {"id": str(call_id)} if call_id else {}


def _mime(mime_type: object) -> Part:
    return {"mime_type": str(mime_type)} if mime_type else {}


def _without_data(details: Mapping[str, Any]) -> Part:
    """The details with texts that may be data cut short."""
    return {str(key): _cut(value) for key, value in details.items()}


def _cut(value: Any) -> Any:  # noqa: ANN401  as `plain_value`
    if isinstance(value, str):
        return shortened(value, MOST_BLOB)
    if isinstance(value, Mapping):
        return _without_data(value)
    return [_cut(held) for held in value] if isinstance(value, list | tuple) else value
