"""What the examination makes of its replays."""

from __future__ import annotations

from typing import Final

import pytest

from spanmeter.doctor.examination import _untried
from spanmeter.doctor.finding import NO_CLIENT, Finding

NO_FRAMEWORK: Final = Finding.skipped("LlamaIndex replay", "llama-index-core is not installed: skipped")
NO_CLIENTS: Final = Finding.skipped("LangChain replay", f"{NO_CLIENT} (langchain-openai, langchain-anthropic)")
OTHERS: Final = Finding.warning("other instrumentations", "on during the LangChain replay: X", "switch it off")
COUNTED: Final = Finding.ok("LangChain replay", "ChatOpenAI of langchain-openai 1.7.3: calls are right")


@pytest.mark.parametrize(
    ("found", "texts"),
    [
        ([NO_CLIENTS, NO_FRAMEWORK, OTHERS], ["counting was not tried"]),
        ([NO_CLIENTS, COUNTED], []),
        ([NO_FRAMEWORK], []),
    ],
    ids=["no client", "another client", "no framework, which versions tell"],
)
def test_an_environment_without_a_client_is_not_told_that_all_is_well(found: list[Finding], texts: list[str]) -> None:
    told = _untried([finding.as_json() for finding in found])
    assert [finding["text"].rpartition(": ")[2] for finding in told] == texts
    assert {finding["level"] for finding in told} <= {"warning"}
