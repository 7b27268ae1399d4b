"""Responses in the shapes the OpenAI API gives them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanmeter_rag.provider.completion import Completion
from spanmeter_rag.provider.models import MODELS
from spanmeter_rag.provider.request import ChatRequest

Json = dict[str, Any]
_WORD = re.compile(r"\s*\S+|\s+$")
DONE = "data: [DONE]\n\n"


def chat_completion(request: ChatRequest, completion: Completion, response_id: str) -> Json:
    """Return a chat.completion object."""
    message: Json = {"role": "assistant", "content": completion.text or None, "refusal": None}
    if completion.tool_call:
        message["tool_calls"] = [_tool_call(request, completion)]
    choice = {"message": message, "finish_reason": completion.finish_reason, "logprobs": None}
    return _head(request, response_id, "chat.completion") | {
        "choices": [{"index": index, **choice} for index in range(request.choices)],
        "usage": completion.usage,
    }


def chat_chunks(request: ChatRequest, completion: Completion, response_id: str) -> Iterator[Json]:
    """Yield the chat.completion.chunk objects of an answer, the usage last when it was asked for."""
    head = _head(request, response_id, "chat.completion.chunk")
    if request.include_usage:
        head["usage"] = None
    choices = range(request.choices)
    for delta in _deltas(request, completion):
        yield head | {"choices": [{"index": index, "delta": delta, "finish_reason": None} for index in choices]}
    yield head | {
        "choices": [{"index": index, "delta": {}, "finish_reason": completion.finish_reason} for index in choices],
    }
    if request.include_usage:
        yield head | {"choices": [], "usage": completion.usage}


def event(chunk: Json) -> str:
    """Return a chunk as a server-sent event."""
    return f"data: {json.dumps(chunk)}\n\n"


def embeddings(model: str, vectors: Iterable[NDArray[np.float32]], *, base64_encoded: bool, tokens: int) -> Json:
    """Return the list object of an embeddings response."""
    coded = (_base64(vector) if base64_encoded else vector.tolist() for vector in vectors)
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(coded)]
    return {
        "object": "list",
        "model": model,
        "data": data,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def models() -> Json:
    """Return the list object of the models offered."""
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "spanmeter"} for name in MODELS]
    return {"object": "list", "data": data}


def error(message: str, *, kind: str, code: str | None = None) -> Json:
    """Return an error object."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _head(request: ChatRequest, response_id: str, kind: str) -> Json:
    return {
        "id": response_id,
        "object": kind,
        "created": int(time.time()),
        "model": request.model.release,
        "service_tier": "default",
        "system_fingerprint": "fp_spanmeter_local",
    }


def _deltas(request: ChatRequest, completion: Completion) -> Iterator[Json]:
    if completion.tool_call:
        yield {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"index": 0, **_tool_call(request, completion)}],
        }
        return
    yield {"role": "assistant", "content": ""}
    for word in _WORD.findall(completion.text):
        yield {"content": word}


def _tool_call(request: ChatRequest, completion: Completion) -> Json:
    call = completion.tool_call
    function = {"name": call.name, "arguments": call.arguments} if call else {}
    return {"id": _call_id(request), "type": "function", "function": function}


def _call_id(request: ChatRequest) -> str:
    """Return the same id for the same conversation, so that a repeated run repeats its refusals."""
    conversation = json.dumps(request.messages).encode()
    return f"call_{hashlib.blake2b(conversation, digest_size=12).hexdigest()}"


def _base64(vector: NDArray[np.float32]) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
