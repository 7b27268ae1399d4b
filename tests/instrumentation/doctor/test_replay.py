"""Exchanges replayed through the clients that are installed, in processes of their own as users have it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from spanmeter.doctor.finding import Finding
from spanmeter.doctor.replay import Framework, _book, _examine
from spanmeter.doctor.surroundings import quiet
from spanmeter.pricing import PriceBook

TWICE = """\
from spanmeter.bill import Totals

add = Totals.add
Totals.add = lambda totals, receipt: (add(totals, receipt), add(totals, receipt))
"""


def replay(framework: str, *words: str, folder: Path = Path()) -> list[Finding]:
    command = [sys.executable, "-m", "spanmeter.doctor.replay", framework, *words]
    environ = quiet(os.environ) | {"PYTHONPATH": str(folder)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=120)
    return [Finding(**finding) for finding in json.loads(done.stdout)]


def test_langchains_clients_are_counted_right() -> None:
    openai, anthropic = version("langchain-openai"), version("langchain-anthropic")
    *told, missing, export = replay("langchain")
    assert told == [
        # a million times 226 x 0.15 + 1,024 x 0.075 + 320 x 0.6, 90 x 1.1 + 232 x 4.4
        # and 276 x 1.1 + 1,024 x 0.275 + 188 x 4.4
        _right(f"ChatOpenAI of langchain-openai {openai}", "3 answers are", "0.0028349"),
        _right(f"OpenAIEmbeddings of langchain-openai {openai}", "1 answer is", "0.00004096"),  # 2,048 x 0.02
        _right(f"AzureChatOpenAI of langchain-openai {openai}", "1 answer is", "0.0003027"),  # the first again
        # 31 x 3 + 2,048 x 0.3 + 512 x 3.75 + 256 x 6 + 180 x 15; 420 x 0.8 + 96 x 4
        _right(f"ChatAnthropic of langchain-anthropic {anthropic}", "2 answers are", "0.0075834"),
    ]
    assert (missing.level, missing.text.partition(" (")[0]) == ("skipped", "not installed: skipped")
    assert export == Finding.ok("export", "all 7 spans of the LangChain replay arrived over OTLP")


def _right(client: str, answers: str, usd: str) -> Finding:
    return Finding.ok("LangChain replay", f"{client}: calls, tokens and cents of {answers} right (${usd})")


def test_a_call_that_is_counted_twice_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "twice.py").write_text(TWICE)
    told = replay("llama_index", "--import", "twice", folder=tmp_path)
    wrong = next(finding for finding in told if finding.level == "problem")
    assert wrong.text.partition(";")[0] == (
        f"OpenAI of llama-index-llms-openai {version('llama-index-llms-openai')}: "
        "chat with cached input: calls 2 instead of 1"
    )
    assert "cost_usd 0.000605400000 instead of 0.000302700000" in wrong.text


def test_a_price_file_that_cannot_be_read_keeps_nothing_from_being_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANMETER_PRICES", str(tmp_path / "none.toml"))
    assert _book().version == PriceBook.load(prices="").version


def test_a_framework_that_is_not_there_is_skipped() -> None:
    told = _examine(Framework("Nothing", "not_there", "not-there", ()), [])
    assert told == [Finding.skipped("Nothing replay", "not-there is not installed: skipped")]
