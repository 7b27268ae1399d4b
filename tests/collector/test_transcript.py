"""What spans quote is readable in a terminal, and steers none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spanmeter_collector.quote import read_content
from spanmeter_collector.transcript import how_to_switch_on, transcript

CALL = {"type": "tool_call", "id": "c", "name": "weather", "arguments": {"city": "Graz"}}
ANSWERS = [
    {"role": "assistant", "finish_reason": "tool_call", "parts": [{"type": "reasoning", "content": "hm"}, CALL]},
    {"role": "assistant", "finish_reason": "length", "parts": []},
    {"role": "assistant", "finish_reason": "cancelled", "parts": [{"type": "text", "content": "It"}]},
]
CHAT = {
    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Rain?\\nIn Graz?"}]}]',
    "gen_ai.output.messages": json.dumps(ANSWERS),
    "gen_ai.tool.definitions": '[{"type":"function","name":"weather"}]',
}
SEARCH = {
    "gen_ai.retrieval.query.text": "rain",
    "gen_ai.retrieval.documents": '[{"id":"d1","score":0.51234,"content":"wet"},{"content":"dry"}]',
}


def trace(*spans: tuple[str, dict[str, str]], stores_content: bool = True) -> dict[str, Any]:
    told = [(name, read_content(attributes).content) for name, attributes in spans]
    return {
        "stores_content": stores_content,
        "spans": [{"name": name, "content": content.model_dump() if content else None} for name, content in told],
    }


def test_who_said_what_stands_below_each_step() -> None:
    assert (
        transcript(trace(("chat gpt-5", CHAT), ("chain", {}), ("retrieval Shelf", SEARCH)))
        == """\
── chat gpt-5
  offered weather
  user: Rain?
    In Graz?
  assistant (reasoning): hm
  assistant calls weather: {"city": "Graz"}
  assistant: (nothing, length)
  assistant: It
  assistant ended: cancelled

── retrieval Shelf
  query: rain
  found d1 0.512: wet
  found : dry"""
    )


def test_a_long_text_is_short_unless_all_of_it_is_asked_for() -> None:
    long = trace(("tool", {"gen_ai.tool.call.result": "a" * 300 + "b" * 700}))

    assert transcript(long) == f"── tool\n  result: {'a' * 300} … [600 more; --full shows all] … {'b' * 100}"
    assert transcript(long, full=True) == f"── tool\n  result: {'a' * 300}{'b' * 700}"


def test_nothing_that_is_quoted_steers_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202edetrevni"
    quoted = json.dumps([{"role": evil, "parts": [evil]}])
    shown = transcript(trace((evil, {"gen_ai.input.messages": quoted, "gen_ai.tool.call.result": evil})))

    assert not set(shown) & set("\x1b\x07\u202e")


SWITCH = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY in the application."
HOW = {
    False: f"Prompts and answers are not stored. To store them, set SPANMETER_CONTENT=on for the sidecar and {SWITCH}",
    True: f"No prompts or answers were sent with this trace. To send them, set {SWITCH}",
}


@pytest.mark.parametrize(("stores_content", "expected"), HOW.items())
def test_where_nothing_is_quoted_it_says_how_to_switch_on(expected: str, *, stores_content: bool) -> None:
    assert transcript(trace(("chain", {}), stores_content=stores_content)) == expected
    assert how_to_switch_on(stores_content=stores_content) == expected
