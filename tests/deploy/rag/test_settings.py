from __future__ import annotations

import pytest

from spanmeter_rag.settings import Settings, SettingsError


def test_without_variables_everything_is_on_loopback() -> None:
    assert Settings.read({}) == Settings(
        host="127.0.0.1",
        port=8600,
        provider_url="http://127.0.0.1:8601/v1",
        api_key="local",
        timeout_s=30.0,
    )


def test_variables_win() -> None:
    given = {
        "RAG_LISTEN": "0.0.0.0:80",
        "RAG_TIMEOUT_S": "5",
        "OPENAI_BASE_URL": "https://api.openai.com/v1",
        "OPENAI_API_KEY": "key",
    }
    assert Settings.read(given) == Settings("0.0.0.0", 80, "https://api.openai.com/v1", "key", 5.0)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RAG_LISTEN", "8600"),
        ("RAG_LISTEN", "localhost:web"),
        ("RAG_LISTEN", "localhost:70000"),
        ("RAG_TIMEOUT_S", "soon"),
        ("RAG_TIMEOUT_S", "0"),
        ("OPENAI_BASE_URL", "api.openai.com"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"{variable} is '{value}'; it must be"):
        Settings.read({variable: value})
