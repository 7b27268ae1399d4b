from __future__ import annotations

from typing import Any

from spanmeter_rag.provider.completion import Completion, ToolCall, complete
from spanmeter_rag.provider.prefixes import PrefixCache
from spanmeter_rag.provider.request import read_chat
from spanmeter_rag.provider.tokens import Tokenizer

FACT = "The else clause of a loop runs when the loop ends without break."
USER = {"role": "user", "content": f"Context:\n\n{FACT}\n\nQuestion: When does the else clause run?\nAnswer:"}
TOOL = {
    "type": "function",
    "function": {"name": "search", "parameters": {"properties": {"query": {"type": "string"}}}},
}


def _complete(tokenizer: Tokenizer, *, prefixes: PrefixCache | None = None, **body: Any) -> Completion:
    request = read_chat({"model": "gpt-4o", "messages": [USER], **body})
    return complete(request, tokenizer=tokenizer, prefixes=prefixes or PrefixCache())


def test_the_answer_is_taken_from_the_context(tokenizer: Tokenizer) -> None:
    completion = _complete(tokenizer)
    assert (completion.text, completion.tool_call, completion.finish_reason) == (FACT, None, "stop")


def test_usage_counts_prompt_and_answer_by_the_tokenizer(tokenizer: Tokenizer) -> None:
    usage = _complete(tokenizer).usage
    prompt = 3 + tokenizer.count("user") + tokenizer.count(USER["content"]) + 3
    answer = tokenizer.count(FACT)
    assert usage == {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def test_every_choice_is_billed(tokenizer: Tokenizer) -> None:
    assert _complete(tokenizer, n=3).output_tokens == 3 * _complete(tokenizer).output_tokens


def test_an_answer_is_cut_at_the_limit(tokenizer: Tokenizer) -> None:
    completion = _complete(tokenizer, max_completion_tokens=5)
    assert (completion.text, completion.finish_reason) == ("The else clause of a", "length")


def test_a_tool_is_called_with_the_question_s_words(tokenizer: Tokenizer) -> None:
    completion = _complete(tokenizer, tools=[TOOL])
    assert completion.tool_call == ToolCall("search", '{"query": "\\"else\\" clause run"}')
    assert completion.finish_reason == "tool_calls"


def test_what_a_tool_found_is_the_context(tokenizer: Tokenizer) -> None:
    messages = [{"role": "user", "content": "When does else run?"}, {"role": "tool", "content": FACT}]
    assert _complete(tokenizer, messages=messages, tools=[TOOL]).text == FACT


def test_a_reasoning_model_bills_its_reasoning_as_output(tokenizer: Tokenizer) -> None:
    completion = _complete(tokenizer, model="gpt-5-mini")
    reasoning = completion.usage["completion_tokens_details"]["reasoning_tokens"]
    assert reasoning in range(64, 385, 64)
    assert completion.output_tokens == tokenizer.count(FACT) + reasoning


def test_a_prompt_seen_before_is_partly_cached(tokenizer: Tokenizer) -> None:
    prefixes = PrefixCache()
    messages = [{"role": "system", "content": "rule " * 1300}, USER]
    cached = [
        _complete(tokenizer, prefixes=prefixes, messages=messages).usage["prompt_tokens_details"]["cached_tokens"]
        for _ in range(2)
    ]
    assert cached == [0, 1280]
