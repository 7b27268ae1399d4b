from __future__ import annotations

from decimal import Decimal

import pytest

from spanmeter_rag.settings import VARIABLES, Caching, Models, Resilience, Retrieval, Settings, SettingsError, Spending


def test_without_variables_everything_is_on_loopback() -> None:
    assert Settings.read({}) == Settings(
        host="127.0.0.1",
        port=8600,
        provider_url="http://127.0.0.1:8601/v1",
        api_key="local",
    )


def test_variables_win() -> None:
    given = {
        "RAG_LISTEN": "0.0.0.0:80",
        "RAG_TIMEOUT_S": "5",
        "OPENAI_BASE_URL": "https://api.openai.com/v1",
        "OPENAI_API_KEY": "key",
    }
    assert Settings.read(given) == Settings(
        "0.0.0.0", 80, "https://api.openai.com/v1", "key", resilience=Resilience(timeout_s=5.0)
    )


def test_every_part_of_the_kit_is_a_setting() -> None:
    given = {
        "RAG_LOGS": "debug",
        "RAG_FALLBACK_MODELS": "gpt-4o, gpt-4o-mini,",
        "RAG_ROUTER_MODEL": "gpt-4.1-nano",
        "RAG_TIMEOUT_S": "1",
        "RAG_ATTEMPTS": "2",
        "RAG_LONGEST_WAIT_S": "3.5",
        "RAG_PATIENCE_S": "4",
        "RAG_BREAKER_FAILURES": "0",
        "RAG_BREAKER_OPEN_S": "6",
        "RAG_DEGRADED": "off",
        "RAG_TOP_K": "7",
        "RAG_TOP_K_EACH": "8",
        "RAG_CONTEXT_TOKENS": "900",
        "RAG_PARALLEL": "off",
        "RAG_EMBED_BATCH": "10",
        "RAG_CACHES": "answers, vectors",
        "RAG_CACHE_TTL_S": "60",
        "RAG_CACHE_DIR": "/var/cache/rag",
        "RAG_BUDGET_USD": "2.50",
        "RAG_BUDGET_PERIOD": "month",
        "RAG_BUDGET_ACTION": "warn",
        "RAG_ANSWER_TOKENS": "300",
    }
    assert {*given, "OPENAI_BASE_URL"} == {*VARIABLES}
    assert Settings.read(given) == Settings(
        logs="debug",
        models=Models(fallbacks=("gpt-4o", "gpt-4o-mini"), router="gpt-4.1-nano"),
        resilience=Resilience(1.0, 2, 3.5, 4.0, 0, 6.0, degraded=False),
        retrieval=Retrieval(7, 8, 900, parallel=False, embed_batch=10),
        caching=Caching(("answers", "vectors"), 60.0, "/var/cache/rag"),
        spending=Spending(Decimal("2.50"), "month", "warn", 300),
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RAG_LISTEN", "8600"),
        ("RAG_LISTEN", "localhost:web"),
        ("RAG_LISTEN", "localhost:70000"),
        ("RAG_TIMEOUT_S", "soon"),
        ("RAG_TIMEOUT_S", "0"),
        ("RAG_ATTEMPTS", "0"),
        ("RAG_ATTEMPTS", "many"),
        ("RAG_DEGRADED", "yes"),
        ("RAG_LOGS", "loud"),
        ("RAG_BUDGET_USD", "-1"),
        ("RAG_BUDGET_USD", "much"),
        ("RAG_BUDGET_PERIOD", "year"),
        ("RAG_CACHES", "answers,everything"),
        ("RAG_CONTEXT_TOKENS", "10"),
        ("OPENAI_BASE_URL", "api.openai.com"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"{variable} is '{value}'; it must be"):
        Settings.read({variable: value})
