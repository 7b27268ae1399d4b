"""What LlamaIndex's messages, tools and nodes say, taken when they are told and read when the call has ended."""

# ruff: noqa: ANN401  the framework's door

from __future__ import annotations

import inspect
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.content import part
from spanmeter.content.block import parts_of
from spanmeter.content.content import Content, Quote, finish_reason, message
from spanmeter.content.part import Part
from spanmeter.llama_index.raw import finish_reasons

_ROLES: Final = {"function": "tool", "chatbot": "assistant", "model": "assistant"}
_MEDIA: Final = {"image": "image", "audio": "audio", "video": "video", "document": "document"}
_TYPES: Final = ("image_mimetype", "video_mimetype", "document_mimetype", "format")
_QUERIES: Final = ("str_or_query_bundle", "query_bundle", "query")


@barrier
def messages_asked(messages: Iterable[Any], options: Mapping[str, Any]) -> Quote:
    """Take the messages of a chat, the tools it offers and instructions beside them."""
    taken = [_taken(said) for said in messages]
    offered = [*(options.get("tools") or ()), *(options.get("functions") or ())]
    return partial(_asked, taken, offered, options.get("instructions") or options.get("system"))


@barrier
def prompt_asked(prompt: str) -> Quote:
    """Take the prompt of a completion."""
    return lambda: {semconv.INPUT_MESSAGES: [message("user", [part.text(prompt)])]}


@barrier
def answered(response: Any, finishing: Any = None) -> Quote:
    """Take what a response says; of a stream its last chunk, and the one before, which may tell why it finished."""
    said = getattr(response, "message", None)
    taken = str(getattr(response, "text", "") or "") if said is None else _taken(said)
    reasons = [finish_reasons(getattr(told, "raw", None)) for told in (response, finishing) if told is not None]
    reason = next((found[0] for found in reasons if found), "")
    return partial(_answered, taken, finish_reason(reason))


@barrier
def started(operation: str, given: inspect.BoundArguments) -> Quote | None:
    """Take what a tool is called with, or what is searched for; None of other operations."""
    arguments = dict(given.arguments)
    if operation == "retrieval":
        query = next((arguments[name] for name in _QUERIES if name in arguments), "")
        text = str(getattr(query, "query_str", query))
        return lambda: {semconv.RETRIEVAL_QUERY: text}
    if operation == "execute_tool":
        return partial(_called, arguments)
    return None


@barrier
def ended(operation: str, result: Any) -> Quote | None:
    """Take what a tool answered, or what was found; None of other operations."""
    if operation == "retrieval" and isinstance(result, list):
        taken = [_node(found) for found in result]
        return lambda: {semconv.RETRIEVAL_DOCUMENTS: [_document(*held) for held in taken]}
    if operation == "execute_tool" and result is not None:
        text = str(getattr(result, "content", result))
        return lambda: {semconv.TOOL_RESULT: text}
    return None


def _called(arguments: Mapping[str, Any]) -> Content:
    """A tool takes anything; what it takes by name stands under its names, one text alone is its input."""
    named = {**arguments, **(arguments.get("kwargs") or {})}
    named.pop("kwargs", None)
    placed = named.pop("args", ())
    named.pop("ctx", None)
    if placed:
        named["input"] = placed[0] if len(placed) == 1 else list(placed)
    return {semconv.TOOL_ARGUMENTS: part.plain_value(named)}


def _asked(messages: Sequence[Any], offered: Sequence[Any], instructions: Any) -> Content:
    content: dict[str, Any] = {
        semconv.INPUT_MESSAGES: [_message(*said) or message("unreadable", []) for said in messages]
    }
    if definitions := [part.definition(tool) for tool in offered if isinstance(tool, Mapping)]:
        content[semconv.TOOL_DEFINITIONS] = definitions
    if instructions:
        content[semconv.SYSTEM_INSTRUCTIONS] = list(parts_of(instructions))
    return content


def _answered(taken: Any, reason: str) -> Content:
    told = message("assistant", list(parts_of(taken))) if isinstance(taken, str) else _message(*taken)
    return {} if told is None else {semconv.OUTPUT_MESSAGES: [{**told, "finish_reason": reason}]}


def _taken(said: Any) -> tuple[str, Any, Mapping[str, Any]]:
    """The role of a message, its blocks and what stands beside them; up to 0.11 it has a content and no blocks."""
    blocks = getattr(said, "blocks", None)
    held = said.content if blocks is None else [_fields(block) for block in blocks]
    role = getattr(said.role, "value", said.role)
    return str(role), held, dict(said.additional_kwargs)


def _fields(block: Any) -> Mapping[str, Any]:
    return dict(vars(block))


@barrier
def _message(role: str, blocks: Any, beside: Mapping[str, Any]) -> dict[str, Any]:
    role = _ROLES.get(role, role)
    parts = list(_parts(blocks))
    if role == "tool":
        call_id = beside.get("tool_call_id") or beside.get("call_id")
        texts = [told["content"] for told in parts if told["type"] == "text"]
        parts = [part.tool_response(call_id, "\n".join(texts) if len(texts) == len(parts) else parts)]
    elif not any(told["type"] == "tool_call" for told in parts):
        parts += [_call(call) for call in beside.get("tool_calls") or ()]
    return message(role, parts, name=beside.get("name"))


def _parts(blocks: Any) -> Iterator[Part]:
    if not isinstance(blocks, list):
        yield from parts_of(blocks)
        return
    for block in blocks:
        kind = block.get("block_type")
        if kind is None:
            yield from parts_of(block)
        elif kind in _MEDIA:
            yield _media(_MEDIA[kind], block)
        elif kind == "tool_call":
            yield part.tool_call(block.get("tool_call_id"), block.get("tool_name"), block.get("tool_kwargs"))
        elif kind == "thinking":
            if block.get("content"):
                yield part.reasoning(block["content"])
        elif kind != "cache":
            yield from _text(kind, block)


def _text(kind: str, block: Mapping[str, Any]) -> Iterator[Part]:
    if kind == "text":
        if block.get("text"):
            yield part.text(block["text"])
        return
    held = block.get("content") or block.get("cited_content") or ()
    for inner in held if isinstance(held, list) else [held]:
        yield from _parts([_fields(inner)])


def _media(kind: str, block: Mapping[str, Any]) -> Part:
    mime = next((block[key] for key in _TYPES if block.get(key)), None)
    where = block.get("url") or block.get("path")
    if where:
        return part.media_at(kind, where, mime)
    data = block.get("data") if kind == "document" else block.get(kind)
    if not isinstance(data, bytes):
        return {"type": "blob", "modality": kind, "content": ""}
    return part.media(kind, data if _is_base64(data) else b64encode(data), mime)


def _is_base64(data: bytes) -> bool:
    """LlamaIndex keeps data in base64 from the moment a block is made; other code may put raw bytes there."""
    return data[:64].isascii() and data[:64].replace(b"+", b"").replace(b"/", b"").rstrip(b"=").isalnum()


def _call(call: Any) -> Part:
    """A call of a tool as the provider's package has it: a mapping, a model or a plain object."""
    told = call if isinstance(call, Mapping) else vars(call)
    function = told.get("function")
    inner = told if function is None else function if isinstance(function, Mapping) else vars(function)
    arguments = inner.get("arguments", inner.get("input"))
    return part.tool_call(told.get("id") or told.get("call_id"), inner.get("name"), arguments)


def _node(found: Any) -> tuple[str, float | None, str, Mapping[str, Any]]:
    node = getattr(found, "node", found)
    score = getattr(found, "score", None)
    return str(node.node_id), None if score is None else float(score), str(node.get_content()), dict(node.metadata)


def _document(node_id: str, score: float | None, text: str, metadata: Mapping[str, Any]) -> Part:
    told: Part = {"id": node_id} if score is None else {"id": node_id, "score": part.plain_value(score)}
    told["content"] = text
    return {**told, "metadata": part.plain_value(metadata)} if metadata else told
