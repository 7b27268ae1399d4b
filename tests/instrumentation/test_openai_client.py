"""The tap hears the answers of embeddings requests and touches nothing else."""

from __future__ import annotations

from typing import Any

import openai

from spanmeter import semconv
from spanmeter.call import Opening
from spanmeter.process import calls


def client(provider: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{provider.url}/v1", api_key="none", max_retries=0)


def test_a_request_outside_an_embeddings_call_leaves_no_span(provider: Any, instrumented: Any) -> None:
    with client(provider) as direct:
        answer = direct.embeddings.create(model="e", input=["a"], encoding_format="float")

    assert answer.usage.prompt_tokens == 7
    assert instrumented.finished == ()


def test_raw_responses_are_heard_and_stay_readable(provider: Any, instrumented: Any) -> None:
    call = calls().open(Opening("embeddings", "embeddings e", "llama_index", "openai", "e"))
    with client(provider) as direct, call.held():
        raw = direct.embeddings.with_raw_response.create(model="e", input=["a", "b"], encoding_format="float")
    call.stop()

    assert len(raw.parse().data) == 2
    assert instrumented.one("embeddings e").attributes[semconv.INPUT_TOKENS] == 14
