"""A request for an answer, read once from its JSON body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spanmeter_rag.provider.models import MODELS, Kind, Model

Body = Mapping[str, Any]


class BadRequestError(ValueError):
    """The body does not say what the API needs; the message names the field."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What one chat request asks for."""

    model: Model
    messages: tuple[Body, ...]
    tools: tuple[Body, ...]
    choices: int
    max_tokens: int | None
    stream: bool
    include_usage: bool

    @property
    def wants_tool(self) -> bool:
        """Whether tools are offered and none has answered since the user spoke last."""
        return bool(self.tools) and self.messages[-1].get("role") != "tool"


@dataclass(frozen=True, slots=True)
class EmbeddingsRequest:
    """What one embeddings request asks for."""

    model: Model
    texts: tuple[str, ...]
    dimensions: int | None
    base64: bool


def read_body(raw: bytes) -> Body:
    """Read a JSON object. Raises BadRequestError."""
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise BadRequestError(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequestError("the body must be a JSON object")
    return body


def read_chat(body: Body) -> ChatRequest:
    """Read a chat request. Raises BadRequestError."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise BadRequestError("messages must be a list of at least one object")
    if body.get("stream_options") and body.get("stream") is not True:
        raise BadRequestError("stream_options is only allowed when stream is true")
    return ChatRequest(
        model=_find_model(body, "chat"),
        messages=tuple(messages),
        tools=() if body.get("tool_choice") == "none" else tuple(body.get("tools") or ()),
        choices=_whole_number(body, "n") or 1,
        max_tokens=_whole_number(body, "max_completion_tokens") or _whole_number(body, "max_tokens"),
        stream=body.get("stream") is True,
        include_usage=(body.get("stream_options") or {}).get("include_usage") is True,
    )


def read_embeddings(body: Body) -> EmbeddingsRequest:
    """Read an embeddings request. Raises BadRequestError."""
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise BadRequestError("input must be a string or a list of strings, none of them empty")
    return EmbeddingsRequest(
        model=_find_model(body, "embeddings"),
        texts=tuple(texts),
        dimensions=_whole_number(body, "dimensions"),
        base64=body.get("encoding_format") == "base64",
    )


def text_of(message: Body) -> str:
    """Return the text of a message, whether its content is a string, a list of parts or absent."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _find_model(body: Body, kind: Kind) -> Model:
    model = MODELS.get(str(body.get("model")))
    if model is None or model.kind != kind:
        offered = ", ".join(name for name, each in MODELS.items() if each.kind == kind)
        raise BadRequestError(f"model {json.dumps(body.get('model'))} is not offered for {kind}; there are {offered}")
    return model


def _whole_number(body: Body, name: str) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadRequestError(f"{name} must be a whole number of at least 1, not {json.dumps(value)}")
    return value
