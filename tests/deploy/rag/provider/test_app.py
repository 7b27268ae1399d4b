from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import numpy as np
import openai
import pytest

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import RunningProvider

FACT = "The else clause of a loop runs when the loop ends without break."
QUESTION = f"{FACT}\n\nQuestion: When does the else clause run?"


@pytest.fixture
def client(provider: RunningProvider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="local", max_retries=0) as client:
        yield client


def _chat(client: openai.OpenAI, content: str = QUESTION) -> openai.types.chat.ChatCompletion:
    return client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": content}])


def test_openai_s_client_gets_an_answer_and_the_record_has_its_usage(
    client: openai.OpenAI, provider: RunningProvider
) -> None:
    completion = _chat(client)
    assert completion.choices[0].message.content == FACT
    (entry,) = provider.record.report()["requests"]
    assert completion.usage is not None
    assert (entry["id"], entry["model"]) == (completion.id, completion.model)
    assert entry["usage"]["prompt_tokens"] == completion.usage.prompt_tokens


def test_a_stream_reports_the_usage_that_is_recorded(client: openai.OpenAI, provider: RunningProvider) -> None:
    stream = client.chat.completions.create(
        model="gpt-5-mini",
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == FACT
    (entry,) = provider.record.report()["requests"]
    usage = chunks[-1].usage
    assert usage is not None
    assert entry["usage"] == usage.model_dump(exclude_none=True)


def test_openai_s_client_reads_the_embeddings(client: openai.OpenAI, provider: RunningProvider) -> None:
    answer = client.embeddings.create(model="text-embedding-3-small", input=["a loop", "a class"], dimensions=256)
    assert [len(each.embedding) for each in answer.data] == [256, 256]
    assert np.isclose(np.linalg.norm(answer.data[0].embedding), 1.0)
    total = provider.record.report()["total"]
    assert (total["calls"], total["input_tokens"]) == (1, answer.usage.prompt_tokens)


def test_a_refused_request_is_recorded_apart(refusing_provider: RunningProvider) -> None:
    with openai.OpenAI(base_url=f"{refusing_provider.url}/v1", api_key="local", max_retries=0) as client:
        for _ in range(2):
            with pytest.raises((openai.RateLimitError, openai.InternalServerError)):
                _chat(client)
        _chat(client)
    report = refusing_provider.record.report()
    assert (report["total"]["calls"], report["refused"]) == (1, 2)


def test_a_bad_request_is_400_with_the_reason_and_counts_nothing(
    client: openai.OpenAI, provider: RunningProvider
) -> None:
    with pytest.raises(openai.BadRequestError, match="gpt-9"):
        client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "?"}])
    assert provider.record.report()["requests"] == []


def test_requests_are_answered_side_by_side(client: openai.OpenAI, provider: RunningProvider) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda index: _chat(client, f"{QUESTION} {index}"), range(64)))
    assert len({answer.id for answer in answers}) == 64
    assert provider.record.report()["total"]["calls"] == 64


def test_usage_is_served_with_the_tokenizer_it_was_counted_by(client: openai.OpenAI, provider: RunningProvider) -> None:
    _chat(client)
    usage = httpx.get(f"{provider.url}/usage", trust_env=False).json()
    assert usage == {**provider.record.report(), "tokenizer": "o200k_base", "exact": True}


def test_the_models_offered_are_listed(client: openai.OpenAI) -> None:
    assert "gpt-4o-mini" in [model.id for model in client.models.list()]
