"""Reads what spans quote, from the attributes of OpenTelemetry's conventions and of other instrumentations."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from spanmeter_collector.broken_json import is_broken, texts_left
from spanmeter_collector.content import is_content
from spanmeter_collector.content_answer import ContentAnswer, DocumentAnswer, MessageAnswer, PartAnswer, ToolAnswer

Attributes = Mapping[str, str]

INPUTS: Final = ("gen_ai.input.messages", "gen_ai.request.messages", "pydantic_ai.all_messages", "mlflow.chat.messages")
OUTPUTS: Final = ("gen_ai.output.messages",)
"""Lists of messages as JSON."""
TEXT_INPUTS: Final = (
    "gen_ai.prompt",
    "input.value",
    "traceloop.entity.input",
    "langfuse.observation.input",
    "mlflow.spanInputs",
    "ai.prompt",
)
TEXT_OUTPUTS: Final = (
    "gen_ai.completion",
    "output.value",
    "traceloop.entity.output",
    "langfuse.observation.output",
    "mlflow.spanOutputs",
    "ai.response.text",
    "gen_ai.response.text",
)
"""Whatever a sender calls the whole input and output of a step; the first that is there counts."""
_ARGUMENTS: Final = ("gen_ai.tool.call.arguments", "gen_ai.tool.input", "ai.toolCall.args", "tool_arguments")
_RESULTS: Final = ("gen_ai.tool.call.result", "gen_ai.tool.output", "ai.toolCall.result", "tool_response")
_FLAT_REST: Final = (
    r"\.(?P<place>\d{1,6})\.(?:message\.)?(?P<rest>role|finish_reason|content|.*message_content\.text"
    r"|tool_calls\.\d{1,6}\.(?:tool_call\.)?(?:function\.)?(?:name|arguments|id))"
)
_FLAT_INPUT: Final = re.compile(rf"(?:llm\.input_messages|gen_ai\.prompt){_FLAT_REST}")
_FLAT_OUTPUT: Final = re.compile(rf"(?:llm\.output_messages|gen_ai\.completion){_FLAT_REST}")
"""Lists spelled with an attribute for each of their values."""
_FLAT_CALL: Final = re.compile(
    r"tool_calls\.(?P<place>\d{1,6})\.(?:tool_call\.)?(?:function\.)?(?P<key>name|arguments|id)"
)
_FLAT_DOCUMENT: Final = re.compile(r"retrieval\.documents\.(\d{1,6})\.document\.(id|score|content|metadata)")
_MEDIA: Final = frozenset({"blob", "uri", "file"})
_BROKEN: Final = "broken"
_INSTEAD: Final = frozenset({"omitted", _BROKEN})
"""What stands in the place of messages."""


class Quoted(NamedTuple):
    """What a span quotes, None if nothing, and the attributes it was read from."""

    content: ContentAnswer | None
    keys: frozenset[str] = frozenset()


def read_content(attributes: Attributes) -> Quoted:
    """What a span quotes. What is no message stands as the text that it is."""
    if not any(map(is_content, attributes)):
        return Quoted(None)
    said = _Said(attributes)
    read = ContentAnswer(
        input=[
            *_instructions(said.first(("gen_ai.system_instructions",))),
            *(_messages(said, INPUTS) or _flat_messages(said, _FLAT_INPUT) or _text_message("user", said, TEXT_INPUTS)),
        ],
        output=_messages(said, OUTPUTS)
        or _flat_messages(said, _FLAT_OUTPUT)
        or _text_message("assistant", said, TEXT_OUTPUTS),
        tools=[_tool(tool) for tool in _items(said.first(("gen_ai.tool.definitions",)))],
        arguments=said.first(_ARGUMENTS),
        result=said.first(_RESULTS),
        query=said.first(("gen_ai.retrieval.query.text", "db.vector.query.content")),
        documents=_documents(said),
    )
    return Quoted(read, frozenset(said.keys)) if any(read.model_dump().values()) else Quoted(None)


@dataclass(frozen=True, slots=True)
class _Said:
    """The attributes of a span, and which of them were read."""

    attributes: Attributes
    keys: set[str] = field(default_factory=set)

    def first(self, keys: Iterable[str]) -> str:
        """The value of the first of some keys that has one; "" where none has."""
        key = next((key for key in keys if self.attributes.get(key)), None)
        if key is None:
            return ""
        self.keys.add(key)
        return self.attributes[key]

    def matching(self, pattern: re.Pattern[str]) -> Iterator[tuple[re.Match[str], str]]:
        """The values whose keys match."""
        for key, value in self.attributes.items():
            if match := pattern.fullmatch(key):
                self.keys.add(key)
                yield match, value


def _parsed(text: str) -> Any:  # noqa: ANN401  whatever a sender wrote
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _items(text: str) -> list[Any]:
    found = _parsed(text) if text else []
    if isinstance(found, str) and is_broken(found):
        return [{"type": _BROKEN, "content": left} for left in texts_left(found)]
    return found if isinstance(found, list) else [found]


def _messages(said: _Said, keys: Iterable[str]) -> list[MessageAnswer]:
    return [_message(one) for one in _items(said.first(keys))]


def _text_message(role: str, said: _Said, keys: Iterable[str]) -> list[MessageAnswer]:
    text = said.first(keys)
    return [MessageAnswer(role=role, parts=[PartAnswer(kind="text", text=text)])] if text else []


def _instructions(text: str) -> list[MessageAnswer]:
    parts = [_part(part) for part in _items(text)]
    return [MessageAnswer(role="system", parts=parts)] if parts else []


def _message(said: Any) -> MessageAnswer:  # noqa: ANN401  as `_parsed`
    if not isinstance(said, dict):
        return MessageAnswer(role="", parts=[_part(said)])
    parts = said.get("parts", said.get("content"))
    is_part = _text(said.get("type")) in _INSTEAD
    if is_part:
        parts = [said]
    return MessageAnswer(
        role=_text(said.get("role")),
        name="" if is_part else _text(said.get("name")),
        finish_reason=_text(said.get("finish_reason")),
        parts=[_part(part) for part in (parts if isinstance(parts, list) else [parts]) if part is not None],
    )


def _part(part: Any) -> PartAnswer:  # noqa: ANN401  as `_parsed`
    if not isinstance(part, dict):
        return PartAnswer(kind="text", text=_text(part))
    kind = _text(part.get("type"))
    read = _PARTS.get(kind)
    if read is not None:
        return read(part)
    if kind in _MEDIA:
        return PartAnswer(kind="media", text=_described(part))
    told = part.get("content", part.get("text"))
    known = kind in {"text", "reasoning"} or (not kind and told is not None)
    return PartAnswer(kind=(kind or "text") if known else "other", text=_text(told if known else part))


def _call(part: dict[str, Any]) -> PartAnswer:
    details = part.get("arguments", part.get("server_tool_call", part.get("input")))
    name, call_id = _text(part.get("name")), _text(part.get("id"))
    return PartAnswer(kind="tool_call", text=_text(details), name=name, id=call_id)


def _response(part: dict[str, Any]) -> PartAnswer:
    answer = part.get("response", part.get("result", part.get("server_tool_call_response", part.get("content"))))
    return PartAnswer(kind="tool_call_response", text=_text(answer), id=_text(part.get("id")))


def _omitted(part: dict[str, Any]) -> PartAnswer:
    return PartAnswer(kind="other", text=_text(part.get("name")) or "left out")


def _left(part: dict[str, Any]) -> PartAnswer:
    return PartAnswer(kind=_BROKEN, text=_text(part.get("content")))


_PARTS: Final[Mapping[str, Callable[[dict[str, Any]], PartAnswer]]] = {
    "tool_call": _call,
    "server_tool_call": _call,
    "tool_use": _call,
    "tool_call_response": _response,
    "server_tool_call_response": _response,
    "tool_result": _response,
    "omitted": _omitted,
    _BROKEN: _left,
}


def _described(part: dict[str, Any]) -> str:
    """What media are, and never the data itself."""
    size = part.get("size_bytes")
    inline = len(_text(part.get("content"))) * 3 // 4
    size = size if isinstance(size, int) else inline
    where = _text(part.get("uri") or part.get("file_id"))
    told = (_text(part.get("modality")), _text(part.get("mime_type")), where, f"{size:,} bytes" if size else "")
    return ", ".join(filter(None, told)) or "media"


def _tool(tool: Any) -> ToolAnswer:  # noqa: ANN401  as `_parsed`
    inner = tool.get("function") if isinstance(tool, dict) else None
    told = inner if isinstance(inner, dict) else tool
    if not isinstance(told, dict) or not told.get("name"):
        is_left = isinstance(told, dict) and told.get("type") == _BROKEN and "content" in told
        return ToolAnswer(name="", description=_text(told["content"] if is_left else told), parameters="")
    parameters = told.get("parameters", told.get("input_schema"))
    return ToolAnswer(
        name=_text(told["name"]), description=_text(told.get("description")), parameters=_text(parameters)
    )


def _documents(said: _Said) -> list[DocumentAnswer]:
    found = [_document(one) for one in _items(said.first(("gen_ai.retrieval.documents",)))]
    if found:
        return found
    flat: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for match, value in said.matching(_FLAT_DOCUMENT):
        flat[int(match[1])][match[2]] = value
    return [_document(flat[place]) for place in sorted(flat)]


def _document(said: Any) -> DocumentAnswer:  # noqa: ANN401  as `_parsed`
    if not isinstance(said, dict):
        return DocumentAnswer(id="", score=None, text=_text(said), metadata="")
    told = said.get("content", said.get("text", said.get("name") if said.get("type") == "omitted" else None))
    return DocumentAnswer(
        id=_text(said.get("id")),
        score=_score(said.get("score")),
        text=_text(told),
        metadata=_text(said.get("metadata")),
    )


def _score(told: object) -> float | None:
    try:
        return float(told) if isinstance(told, int | float | str) else None
    except (ValueError, OverflowError):
        return None


def _flat_messages(said: _Said, pattern: re.Pattern[str]) -> list[MessageAnswer]:
    found: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for match, value in said.matching(pattern):
        found[int(match["place"])][match["rest"]] = value
    return [_flat_message(found[place]) for place in sorted(found)]


def _flat_message(said: Mapping[str, str]) -> MessageAnswer:
    texts = [value for key, value in said.items() if key == "content" or key.endswith("message_content.text")]
    calls: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for key, value in said.items():
        if match := _FLAT_CALL.fullmatch(key):
            calls[int(match["place"])][match["key"]] = value
    parts = [PartAnswer(kind="text", text=text) for text in texts if text]
    parts += [_call(dict(calls[place])) for place in sorted(calls)]
    return MessageAnswer(role=said.get("role", ""), finish_reason=said.get("finish_reason", ""), parts=parts)


def _text(value: Any) -> str:  # noqa: ANN401  as `_parsed`
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
