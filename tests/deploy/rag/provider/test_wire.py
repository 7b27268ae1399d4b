from __future__ import annotations

import base64

import numpy as np

from spanmeter_rag.provider import wire
from spanmeter_rag.provider.completion import Completion, ToolCall
from spanmeter_rag.provider.request import ChatRequest, read_chat

USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
ANSWER = Completion(text="Two words.", tool_call=None, finish_reason="stop", usage=USAGE)
CALL = Completion(text="", tool_call=ToolCall("search", "{}"), finish_reason="tool_calls", usage=USAGE)


def _request(**body: object) -> ChatRequest:
    return read_chat({"model": "gpt-4o", "messages": [{"role": "user", "content": "?"}], **body})


def test_a_completion_names_the_release_and_carries_the_usage() -> None:
    completion = wire.chat_completion(_request(n=2), ANSWER, "id-1")
    assert completion["id"] == "id-1"
    assert completion["model"] == "gpt-4o-2024-08-06"
    assert completion["usage"] == USAGE
    assert [choice["message"]["content"] for choice in completion["choices"]] == ["Two words."] * 2


def test_chunks_add_up_to_the_answer_and_end_with_the_usage() -> None:
    chunks = list(wire.chat_chunks(_request(stream=True, stream_options={"include_usage": True}), ANSWER, "id-1"))
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == "Two words."
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert (chunks[-1]["choices"], chunks[-1]["usage"]) == ([], USAGE)
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


def test_chunks_say_nothing_of_usage_unless_asked() -> None:
    assert all("usage" not in chunk for chunk in wire.chat_chunks(_request(stream=True), ANSWER, "id-1"))


def test_a_tool_call_has_an_id_that_a_repeated_conversation_repeats() -> None:
    calls = [wire.chat_completion(_request(), CALL, f"id-{index}")["choices"][0]["message"] for index in range(2)]
    assert calls[0]["tool_calls"] == calls[1]["tool_calls"]
    assert calls[0]["tool_calls"][0]["function"] == {"name": "search", "arguments": "{}"}


def test_embeddings_come_as_numbers_or_as_little_endian_floats() -> None:
    vector = np.array([0.5, -1.0], dtype=np.float32)
    plain, coded = (
        wire.embeddings("m", [vector], base64_encoded=encoded, tokens=3)["data"][0]["embedding"]
        for encoded in (False, True)
    )
    assert plain == [0.5, -1.0]
    assert np.frombuffer(base64.b64decode(coded), "<f4").tolist() == [0.5, -1.0]
