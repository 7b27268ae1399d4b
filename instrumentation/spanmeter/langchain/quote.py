"""What LangChain's messages, tools and documents say, taken when they are told and read when the call has ended."""

# ruff: noqa: ANN401  the framework's door

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from langchain_core.documents import Document
from langchain_core.messages import ToolMessage

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.content import part
from spanmeter.content.block import parts_of, response_of
from spanmeter.content.content import Content, Quote, finish_reason, message
from spanmeter.content.part import Part

_Fields = Mapping[str, Any]

_ROLES: Final = {
    "human": "user",
    "ai": "assistant",
    "HumanMessageChunk": "user",
    "AIMessageChunk": "assistant",
    "SystemMessageChunk": "system",
    "ToolMessageChunk": "tool",
    "FunctionMessageChunk": "tool",
    "function": "tool",
}
"""By the type of a message; others have the convention's names."""
_INSTRUCTIONS: Final = ("instructions", "system", "system_instruction")
"""Parameters that instruct a model beside its messages; a system message among them stays among them."""
_SCORES: Final = ("relevance_score", "score", "_score")


@barrier
def asked(prompts: Sequence[Any], parameters: Mapping[str, Any]) -> Quote:
    """Take prompts, or the messages of each, and the tools and instructions among the parameters."""
    taken = [prompt if isinstance(prompt, str) else [_taken(said) for said in prompt] for prompt in prompts]
    offered = [*(parameters.get("tools") or ()), *(parameters.get("functions") or ())]
    instructions = [parameters[key] for key in _INSTRUCTIONS if parameters.get(key)]
    return partial(_asked, taken, offered, instructions)


@barrier
def answered(generations: Iterable[Any]) -> Quote:
    """Take what all answers to one prompt say."""
    taken = [_generation(generation) for generation in generations]
    return partial(_answered, taken)


@barrier
def tool_asked(input_text: str, options: Mapping[str, Any]) -> Quote:
    """Take what a tool is called with; up to langchain-core 0.1 it is told as a text alone."""
    inputs = options.get("inputs")
    given = dict(inputs) if isinstance(inputs, Mapping) else input_text
    return lambda: {semconv.TOOL_ARGUMENTS: part.plain_value(given)}


@barrier
def tool_answered(output: Any) -> Quote:
    """Take what a tool answers: of a message its content."""
    given = output.content if isinstance(output, ToolMessage) else output
    return lambda: {semconv.TOOL_RESULT: part.plain_value(response_of(given) if isinstance(given, list) else given)}


@barrier
def searched(query: str) -> Quote:
    """Take what is searched for."""
    return lambda: {semconv.RETRIEVAL_QUERY: query}


@barrier
def found(documents: Iterable[Document]) -> Quote:
    """Take what was found."""
    taken = [(getattr(held, "id", None), held.page_content, held.metadata.copy()) for held in documents]
    return lambda: {semconv.RETRIEVAL_DOCUMENTS: [_document(*held) for held in taken]}


def _asked(prompts: Sequence[Any], offered: Sequence[Any], instructions: Sequence[Any]) -> Content:
    messages = [said for prompt in prompts for said in _messages(prompt)]
    content = {semconv.INPUT_MESSAGES: messages}
    if definitions := [told for tool in offered for told in _definitions(tool)]:
        content[semconv.TOOL_DEFINITIONS] = definitions
    if instructions:
        content[semconv.SYSTEM_INSTRUCTIONS] = list(parts_of(instructions))
    return content


def _messages(prompt: Any) -> Iterator[dict[str, Any]]:
    if isinstance(prompt, str):
        yield message("user", [part.text(prompt)])
        return
    for fields in prompt:
        yield _message(fields) or message("unreadable", [])


def _answered(generations: Sequence[tuple[Any, str]]) -> Content:
    said = []
    for given, reason in generations:
        told = message("assistant", list(parts_of(given))) if isinstance(given, str) else _message(given)
        if told is not None:
            said.append({**told, "finish_reason": reason})
    return {semconv.OUTPUT_MESSAGES: said}


def _generation(generation: Any) -> tuple[Any, str]:
    told = getattr(generation, "message", None)
    info = getattr(generation, "generation_info", None) or {}
    if told is None:
        return str(getattr(generation, "text", "")), finish_reason(info.get("finish_reason"))
    metadata = getattr(told, "response_metadata", None) or {}
    reason = metadata.get("finish_reason") or metadata.get("stop_reason") or info.get("finish_reason")
    return _taken(told), finish_reason(reason)


def _taken(said: Any) -> _Fields:
    """The fields of a message, so that what is written into it later does not show."""
    fields = dict(vars(said))
    content = fields.get("content")
    if type(content) is list:
        fields["content"] = content[:]
    return fields


@barrier
def _message(fields: _Fields) -> dict[str, Any]:
    kind = str(fields.get("type", ""))
    role = str(fields.get("role") or _ROLES.get(kind, kind))
    return message(role, list(_parts(fields)), name=fields.get("name"))


def _parts(fields: _Fields) -> Iterator[Part]:
    content, beside = fields.get("content"), fields.get("additional_kwargs") or {}
    if "tool_call_id" in fields:
        yield part.tool_response(fields["tool_call_id"], response_of(content))
        return
    if reasoning := beside.get("reasoning_content"):
        yield part.reasoning(reasoning)
    calls = [*(fields.get("tool_calls") or ()), *(fields.get("invalid_tool_calls") or ())]
    yield from parts_of(content, calls=not calls)
    for call in calls:
        yield part.tool_call(call.get("id"), call.get("name"), call.get("args"))
    if not calls and (called := beside.get("function_call")):
        yield part.tool_call(None, called.get("name"), called.get("arguments"))


def _definitions(tool: Any) -> Iterator[Part]:
    """A tool as it was bound: Gemini's holds several functions."""
    if not isinstance(tool, Mapping):
        return
    several = tool.get("function_declarations")
    for told in several if isinstance(several, list) else [tool]:
        yield part.definition(told)


def _document(document_id: object, text: str, metadata: Mapping[str, Any]) -> Part:
    told: Part = {"id": str(document_id)} if document_id else {}
    score = next((metadata[key] for key in _SCORES if isinstance(metadata.get(key), int | float)), None)
    if score is not None:
        told["score"] = float(score)
    told["content"] = text
    return {**told, "metadata": part.plain_value(metadata)} if metadata else told
