from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

import pytest

from spanmeter.pricing.usage import BUCKETS
from spanmeter_collector.price_command import add_arguments, run

LINE = {
    "id": "a",
    "provider": "openai",
    "api": "chat.completions",
    "model": "gpt-4o-mini",
    "timestamp": "2026-06-01T00:00:00Z",
    "stream": False,
    "usage_raw": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010},
    "request_context": {},
    "response_extra": {},
}
EMPTY = {bucket: 0 for bucket in BUCKETS if bucket not in {"input", "output"}}


def _price(*options: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(options))


def _file(folder: Path, *lines: object) -> str:
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    (folder / "lines.jsonl").write_bytes(b"\n".join(texts))
    return str(folder / "lines.jsonl")


def test_prints_the_arithmetic(capsys: pytest.CaptureFixture[str]) -> None:
    usage = '{"prompt_tokens": 1150, "completion_tokens": 300, "prompt_tokens_details": {"cached_tokens": 1024}}'
    options = ("--provider", "openai", "--model", "gpt-4o-mini", "--usage", usage, "--at", "2026-06-01T02:00:00+02:00")
    assert _price(*options) == 0
    *arithmetic, total = capsys.readouterr().out.splitlines()
    assert arithmetic == [
        "openai gpt-4o-mini, 2026-06-01T00:00:00Z",
        "    126 input       x $0.15 per million   = $0.0000189",
        "  1,024 cache_read  x $0.075 per million  = $0.0000768",
        "    300 output      x $0.6 per million    = $0.00018",
    ]
    assert total.startswith("$0.0002757 (computed; genai-prices ")


def test_context_selects_the_tier(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--provider", "openai", "--model", "gpt-5", "--usage", '{"prompt_tokens": 1000000}')
    assert _price(*options, "--context", '{"service_tier": "flex"}') == 0
    assert "1,000,000 input  x $0.625 per million  = $0.625" in capsys.readouterr().out


OWN = """
[[price]]
provider = "openai"
model = "gpt-4o-mini"
tenant = "acme"
usd_per_mtok = { input = 0.1 }
[[price]]
provider = "vllm"
model = "*"
usd_per_second = 0.002
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    (tmp_path / "own.toml").write_text(OWN)
    return str(tmp_path / "own.toml")


def test_the_price_file_and_the_tenant_select_the_price(capsys: pytest.CaptureFixture[str], own: str) -> None:
    options = ("--provider", "openai", "--model", "gpt-4o-mini", "--usage", '{"prompt_tokens": 1000000}')
    assert _price(*options, "--context", '{"tenant": "acme"}', "--prices", own) == 0
    _, line, total = capsys.readouterr().out.splitlines()
    assert line == "  1,000,000 input  x $0.1 per million  = $0.1"
    assert " + own.toml " in total


def test_a_model_paid_by_time_costs_its_duration(capsys: pytest.CaptureFixture[str], own: str, tmp_path: Path) -> None:
    timed = LINE | {"provider": "vllm", "model": "llama", "request_context": {"duration_s": 1.25}}
    assert _price("--jsonl", _file(tmp_path, timed, LINE | {"provider": "vllm"}), "--prices", own) == 0
    known, unknown = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (known["cost_usd"], known["components"]) == (
        "0.0025",
        [{"label": "compute_ms", "count": 1250, "usd_per_unit": "0.000002", "usd": "0.0025"}],
    )
    reason = "the model is paid by time, and how long the call took is not known"
    assert (unknown["cost_usd"], unknown["reason"]) == (None, reason)


def test_a_wrong_price_file_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("x = 1")
    assert _price("--jsonl", _file(tmp_path, LINE), "--prices", str(tmp_path / "bad.toml")) == 2
    assert capsys.readouterr().err.startswith(f"{tmp_path}/bad.toml:1: key 'x': there is no such table; allowed:")


def test_an_unknown_price_is_said_not_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert _price("--provider", "openai", "--model", "nope", "--usage", '{"prompt_tokens": 7}') == 0
    _, line, total, reason = capsys.readouterr().out.splitlines()
    assert (line, total[:9]) == ("  7 input  x no known price  = not known", "not known")
    assert reason == "no price for model 'nope' of provider 'openai'"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "m"], "give --provider, --usage, or --jsonl FILE"),
        (["--usage", "{"], "--usage is not JSON: Expecting property name"),
        (["--usage", '{"a": 1e99999999999999999999}'], "--usage is not JSON: "),
        (["--usage", "[1]"], "--usage must be a JSON object, not [1]"),
        (["--at", "noon"], "--at must be an RFC 3339 time such as 2026-11-22T12:00:00Z, not 'noon'"),
        (["--context", "3"], "--context must be a JSON object, not 3"),
        (["--jsonl", "/nowhere/at/all"], "cannot read --jsonl /nowhere/at/all: No such file or directory"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_says_which_option_is_malformed(capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    whole = [] if options[0] == "--model" else ["--provider", "p", "--model", "m", "--usage", "{}"]
    assert _price(*whole, *options) == 2
    assert capsys.readouterr().err.startswith(f"spanmeter price: {message}")


def test_answers_each_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    unknown = LINE | {"id": 2, "model": "nope"}
    assert _price("--jsonl", _file(tmp_path, LINE, unknown)) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {
            "id": "a",
            "cost_usd": "0.000156",
            "grade": "computed",
            "usage": {"input": 1000, "output": 10} | EMPTY,
            "components": [
                {"label": "input", "count": 1000, "usd_per_mtok": "0.15", "usd": "0.00015"},
                {"label": "output", "count": 10, "usd_per_mtok": "0.6", "usd": "0.000006"},
            ],
            "reason": "",
        },
        {
            "id": 2,
            "cost_usd": None,
            "grade": "unpriced",
            "usage": {"input": 1000, "output": 10} | EMPTY,
            "components": [
                {"label": "input", "count": 1000, "usd_per_mtok": None, "usd": None},
                {"label": "output", "count": 10, "usd_per_mtok": None, "usd": None},
            ],
            "reason": "no price for model 'nope' of provider 'openai'",
        },
    ]


def test_units_and_reported_costs_carry_a_price_per_unit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    reported = LINE | {"usage_raw": {"prompt_tokens": 4, "cost": 4e-05, "is_byok": False}}
    searched = LINE | {"provider": "cohere", "model": "rerank-v3.5", "usage_raw": {"billed_units": {"search_units": 3}}}
    assert _price("--jsonl", _file(tmp_path, reported, searched)) == 0
    assert [json.loads(line)["components"] for line in capsys.readouterr().out.splitlines()] == [
        [{"label": "reported", "count": 1, "usd_per_unit": "0.00004", "usd": "0.00004"}],
        [{"label": "rerank_searches", "count": 3, "usd_per_unit": "0.002", "usd": "0.006"}],
    ]


def test_what_does_not_add_up_stands_in_the_reason(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    odd = LINE | {"usage_raw": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 5}}
    assert _price("--jsonl", _file(tmp_path, odd)) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["reason"] == "the total of 5 tokens is not the sum of 10 input and 1 output"


def test_malformed_lines_are_named_and_the_others_answered(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lines = (
        b"{",
        LINE,
        b"",
        b"[]",
        b"\xff\xfe{",
        b"[" * 100_000,
        LINE | {"usage_raw": None},
        LINE | {"model": ""},
        LINE | {"api": 3},
        LINE | {"timestamp": 5},
        LINE | {"request_context": []},
        LINE | {"timestamp": "0001-01-01T00:00:00+14:00"},
        LINE | {"id": 1.5},
    )
    assert _price("--jsonl", _file(tmp_path, *lines)) == 2
    printed = capsys.readouterr()
    assert [json.loads(line)["id"] for line in printed.out.splitlines()] == ["a", 1.5]
    assert [line.split(":")[1] for line in printed.err.splitlines()] == [
        f" line {number}" for number in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12)
    ]


def test_reads_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(LINE).encode())))
    assert _price("--jsonl", "-") == 0
    assert json.loads(capsys.readouterr().out)["cost_usd"] == "0.000156"
