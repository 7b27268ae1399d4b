from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spanmeter.pricing import Usage
from spanmeter.pricing.reading import Part
from spanmeter_collector.reading import Reading, read

NOTHING: dict[str, Any] = {
    "operation": "",
    "framework": "",
    "provider": "",
    "request_model": "",
    "model": "",
    "response_id": "",
    "error_type": "",
    "outcome": "",
    "user": "",
    "session": "",
    "tenant": "",
    "feature": "",
    "team": "",
    "service_tier": "",
    "region": "",
    "wrapper": False,
    "inside_call": False,
    "cache_hit": False,
    "calls": None,
    "usage": None,
    "parts": (),
    "estimated": False,
    "reported_usd": None,
    "first_chunk_ns": 0,
    "tags": {},
    "rest": {},
}


PARTS = (
    '[{"input":600,"cache_read":300,"cache_write_1h":50,"output":60,"reasoning":40},'
    '{"model":"gpt-4o-mini","input":50,"web_searches":2}]'
)


def test_our_own_attributes_are_read_whole() -> None:
    known: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.id": "r1",
        "gen_ai.conversation.id": "s1",
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
        "gen_ai.usage.cache_read.input_tokens": 300,
        "gen_ai.usage.cache_creation.input_tokens": 50,
        "gen_ai.usage.reasoning.output_tokens": 40,
        "spanmeter.usage.cache_write_1h": 50,
        "spanmeter.usage.web_searches": 2,
        "spanmeter.usage.grade": "estimated",
        "spanmeter.framework": "langchain",
        "spanmeter.tenant": "acme",
        "spanmeter.feature": "search",
        "spanmeter.team": "core",
        "spanmeter.tag.experiment": "b",
        "spanmeter.calls": 3,
        "spanmeter.reported_cost.usd": "0.0015",
        "spanmeter.wrapper": False,
        "user.id": "u1",
        "openai.response.service_tier": "flex",
        "spanmeter.price.region": "us",
        "spanmeter.usage.parts": PARTS,
        "custom": ["a", 1],
    }
    columns = {
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "gen_ai.response.model",
        "gen_ai.response.id",
        "gen_ai.conversation.id",
        "spanmeter.framework",
        "spanmeter.tenant",
        "spanmeter.feature",
        "spanmeter.team",
        "user.id",
    }

    reading = read(known, scope="spanmeter")

    assert reading.rest["custom"] == '["a",1]'
    assert reading.rest.keys() == known.keys() - columns
    assert reading == Reading(
        **NOTHING
        | {
            "operation": "chat",
            "framework": "langchain",
            "provider": "openai",
            "request_model": "gpt-4o",
            "model": "gpt-4o-2024-08-06",
            "response_id": "r1",
            "user": "u1",
            "session": "s1",
            "tenant": "acme",
            "feature": "search",
            "team": "core",
            "service_tier": "flex",
            "region": "us",
            "calls": 3,
            "usage": Usage(input=650, cache_read=300, cache_write_1h=50, output=60, reasoning=40, web_searches=2),
            "parts": (
                Part(Usage(input=600, cache_read=300, cache_write_1h=50, output=60, reasoning=40)),
                Part(Usage(input=50, web_searches=2), "gpt-4o-mini"),
            ),
            "estimated": True,
            "reported_usd": Decimal("0.0015"),
            "first_chunk_ns": 250_000_000,
            "tags": {"experiment": "b"},
            "rest": reading.rest,
        }
    )


DIALECTS = {
    "old conventions": {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "anthropic",
        "gen_ai.request.model": "m",
        "gen_ai.usage.prompt_tokens": 10,
        "gen_ai.usage.completion_tokens": 5,
        "gen_ai.usage.cache_read_input_tokens": 4,
        "gen_ai.usage.reasoning_tokens": 2,
        "enduser.id": "u",
    },
    "OpenInference": {
        "openinference.span.kind": "LLM",
        "llm.provider": "anthropic",
        "llm.model_name": "m",
        "llm.token_count.prompt": 10,
        "llm.token_count.completion": 5,
        "llm.token_count.prompt_details.cache_read": 4,
        "llm.token_count.completion_details.reasoning": 2,
        "user.id": "u",
    },
    "Traceloop": {
        "llm.request.type": "chat",
        "gen_ai.system": "anthropic",
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": "10",
        "gen_ai.usage.output_tokens": 5.0,
        "gen_ai.usage.cache_read_input_tokens": 4,
        "llm.usage.reasoning_tokens": 2,
        "traceloop.association.properties.user_id": "u",
    },
}


@pytest.mark.parametrize("known", DIALECTS.values(), ids=DIALECTS.keys())
def test_every_dialect_says_the_same(known: dict[str, Any]) -> None:
    reading = read(known, scope="x")

    assert reading == Reading(
        **NOTHING
        | {
            "operation": "chat",
            "provider": "anthropic",
            "request_model": "m",
            "model": "m",
            "user": "u",
            "usage": Usage(input=6, cache_read=4, output=3, reasoning=2),
            "rest": reading.rest,
        }
    )


@pytest.mark.parametrize(
    ("known", "usage"),
    [
        ({}, None),
        ({"gen_ai.usage.input_tokens": 0}, Usage()),
        ({"gen_ai.usage.input_tokens": -1}, None),
        ({"gen_ai.usage.input_tokens": True}, None),
        ({"gen_ai.usage.input_tokens": "many"}, None),
        ({"gen_ai.usage.input_tokens": float("nan")}, None),
        ({"gen_ai.usage.input_tokens": float("inf")}, None),
        ({"gen_ai.usage.input_tokens": 10**13}, None),
        ({"gen_ai.usage.input_tokens": [5]}, None),
        ({"gen_ai.usage.input_tokens": -1, "gen_ai.usage.prompt_tokens": 7}, Usage(input=7)),
        (
            {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.cache_creation.input_tokens": 100},
            Usage(input=5, cache_write_5m=100),
        ),
        (
            {
                "gen_ai.usage.input_tokens": 160,
                "spanmeter.usage.cache_write_5m": 30,
                "spanmeter.usage.cache_write_1h": 70,
                "gen_ai.usage.cache_creation.input_tokens": 100,
                "spanmeter.usage.input_audio": 20,
            },
            Usage(input=40, cache_write_5m=30, cache_write_1h=70, input_audio=20),
        ),
        ({"spanmeter.usage.rerank_searches": 1}, Usage(rerank_searches=1)),
    ],
)
def test_usage_is_disjoint_and_never_negative(known: dict[str, Any], usage: Usage | None) -> None:
    assert read(known, scope="").usage == usage


@pytest.mark.parametrize(
    ("known", "operation"),
    [
        ({"spanmeter.operation": "rerank"}, "rerank"),
        ({"gen_ai.operation.name": "chat", "openinference.span.kind": "CHAIN"}, "chat"),
        ({"openinference.span.kind": "RERANKER"}, "rerank"),
        ({"openinference.span.kind": "GUARDRAIL"}, "guardrail"),
        ({"traceloop.span.kind": "workflow"}, "invoke_workflow"),
        ({"gen_ai.operation.name": 7}, ""),
    ],
)
def test_the_operation_is_said_in_several_ways(known: dict[str, Any], operation: str) -> None:
    assert read(known, scope="").operation == operation


@pytest.mark.parametrize(
    ("scope", "framework"),
    [
        ("openinference.instrumentation.langchain", "langchain"),
        ("opentelemetry.instrumentation.llamaindex", "llama_index"),
        ("openinference.instrumentation.llama_index", "llama_index"),
        ("opentelemetry.instrumentation.openai", ""),
    ],
)
def test_the_scope_names_the_framework_when_no_attribute_does(scope: str, framework: str) -> None:
    assert read({}, scope=scope).framework == framework


def test_of_two_providers_the_first_wins_and_the_other_is_kept() -> None:
    reading = read({"gen_ai.system": "openai", "gen_ai.provider.name": "azure.ai.openai"}, scope="")

    assert (reading.provider, reading.rest) == ("azure.ai.openai", {"gen_ai.system": "openai"})


@pytest.mark.parametrize("said", ["free", -1, "1e400", float("nan"), True, None])
def test_a_reported_cost_that_is_no_amount_counts_as_not_said(said: Any) -> None:
    assert read({"spanmeter.reported_cost.usd": said}, scope="").reported_usd is None


@pytest.mark.parametrize(
    ("known", "provider"),
    [
        ({"langfuse.observation.model.name": "gpt-4o-mini-2024-07-18"}, "openai"),
        ({"gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.system": "aws.bedrock"}, "aws.bedrock"),
        ({"gen_ai.request.model": "llama-3.1-8b"}, ""),
        ({"mlflow.llm.model": '"gpt-4o-mini"'}, "openai"),
        ({"gen_ai.system": "openai.chat", "ai.model.id": "m"}, "openai"),
        ({"gen_ai.system": "azure.ai.openai"}, "azure.ai.openai"),
    ],
)
def test_a_provider_that_no_one_names_is_the_maker_of_the_model(known: dict[str, Any], provider: str) -> None:
    assert read(known, scope="").provider == provider


LANGSMITH_RUNS = {
    "LangChain 1": ({"langsmith.metadata.ls_integration": "langchain_chat_model"}, True),
    "LangChain 0.3": ({"gen_ai.completion": '{"generations":[[{"text":"Hello"}]]}'}, True),
    "a client that LangSmith wraps": (
        {"gen_ai.completion": '{"generations":[[]]}', "langsmith.metadata.ls_method": "traceable"},
        False,
    ),
    "another integration": (
        {"gen_ai.completion": '{"generations":[[]]}', "langsmith.metadata.ls_integration": "wrap_openai"},
        False,
    ),
    "anything else": ({"gen_ai.completion": '{"id":"r"}'}, False),
}


@pytest.mark.parametrize(("told", "is_counted"), LANGSMITH_RUNS.values(), ids=LANGSMITH_RUNS)
def test_langsmith_s_runs_of_langchain_are_counted_by_our_own_instrumentation_where_there_is_one(
    told: dict[str, Any], *, is_counted: bool
) -> None:
    beside = read(told | {"spanmeter.instrumented": True}, scope="langsmith")

    assert (beside.inside_call, read(told, scope="langsmith").inside_call) == (is_counted, False)


@pytest.mark.parametrize(
    ("known", "operation"),
    [
        ({"langfuse.observation.type": "generation"}, "chat"),
        ({"langfuse.observation.type": "span"}, ""),
        ({"llm.request.type": "acompletion"}, "chat"),
        ({"gen_ai.operation.name": "embedding"}, "embeddings"),
        ({"mlflow.spanType": '"CHAT_MODEL"'}, "chat"),
        ({"ai.operationId": "ai.streamText.doStream"}, "chat"),
        ({"ai.operationId": "ai.streamText"}, "ai.streamtext"),
    ],
)
def test_the_operations_of_other_senders_are_known(known: dict[str, Any], operation: str) -> None:
    assert read(known, scope="").operation == operation


def test_the_request_half_of_a_stream_that_logfire_tells_in_two_is_no_call() -> None:
    request = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}

    assert read(request, scope="logfire.openai").calls == 0
    assert read(request | {"gen_ai.usage.input_tokens": 1}, scope="logfire.openai").calls is None
    assert read(request, scope="pydantic-ai").calls is None
