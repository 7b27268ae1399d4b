from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from spanmeter.pricing import PriceBook, PriceKey
from spanmeter_collector.prices_answer import UnpricedAnswer, answer_prices
from spanmeter_collector.prices_command import add_arguments, run

AT = ("--at", "2026-11-20T12:00:00Z")
NOBODY = ("--url", "http://127.0.0.1:9")
TOOLS = "https://platform.openai.com/docs/pricing#built-in-tools (unchecked)"
VERSION = "Prices: genai-prices 0.2.3 + overlay "
OWN = """
[[price]]
provider = "openai"
model = "gpt-4o"
tenant = "acme"
start = 2026-01-01
usd_per_mtok = { input = [[0, 2], [100000, 3]] }

[[alias]]
provider = "azure"
model = "prod"
to_model = "gpt-4o"
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    (tmp_path / "own.toml").write_text(OWN)
    return str(tmp_path / "own.toml")


def _prices(*options: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([*options, *AT]))


def test_shows_what_applies_and_which_line_says_so(capsys: pytest.CaptureFixture[str], own: str) -> None:
    assert _prices("gpt-4o", "--provider", "openai", "--tenant", "acme", "--prices", own) == 0
    *shown, version = capsys.readouterr().out.splitlines()
    assert shown == [
        "openai gpt-4o, tenant acme, at 2026-11-20T12:00:00Z",
        "                 price                                    source",
        "input            $2 a million                             own.toml:2",
        "                 $3 a million above 100,000 input tokens",
        "cache_read       $1.25 a million                          genai-prices 0.2.3",
        "output           $10 a million                            genai-prices 0.2.3",
        "web_searches     $0.01 each                               genai-prices 0.2.3",
        "file_searches    $0.0025 each                             genai-prices 0.2.3",
        f"code_executions  $0.03 each                               overlay ({TOOLS})",
        "Tier batch: input $1, above 100,000 $1.5; output $5",
        "Tier flex: input $1, above 100,000 $1.5; cache_read $0.625; output $5",
        "Tier priority: input $3.4, above 100,000 $5.1; cache_read $2.125; output $17",
        "Tier fast: input $3.4, above 100,000 $5.1; cache_read $2.125; output $17",
    ]
    assert version.startswith(VERSION)
    assert " + own.toml " in version


def test_an_alias_is_resolved(capsys: pytest.CaptureFixture[str], own: str) -> None:
    assert _prices("prod", "--prices", own) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[:2] == ["azure prod, at 2026-11-20T12:00:00Z", "An alias of gpt-4o (own.toml:9)."]


def test_an_unknown_model_is_said_with_names_like_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert _prices("gpt-4oo", "--provider", "openai", "--prices", "") == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err.splitlines()) == (
        "",
        [
            "no price for model 'gpt-4oo' of provider 'openai'",
            "Names like it: gpt-4o, gpt-4, ft:gpt-4o, gpt-5.4, gpt-4.1",
            "Give it a price or an alias in the file that SPANMETER_PRICES names; deploy/prices.example.toml says how.",
        ],
    )


def test_json_has_everything(capsys: pytest.CaptureFixture[str], own: str) -> None:
    assert (
        _prices("gpt-4o", "--provider", "openai", "--tenant", "acme", "--tier", "batch", "--prices", own, "--json") == 0
    )
    answer = json.loads(capsys.readouterr().out)
    (quote,) = answer.pop("quotes")
    assert quote["prices"][0] == {
        "buckets": ["input", "cache_write_5m", "cache_write_1h", "input_audio", "input_image"],
        "per": "million tokens",
        "usd": "1",
        "steps": [{"above_input_tokens": 100000, "usd": "1.5"}],
        "source": "own.toml:2, times 0.5 (tier)",
    }
    assert (quote["provider"], quote["listed_as"], quote["tiers"], quote["reason"]) == ("openai", "gpt-4o", [], "")
    assert (answer["model"], answer["at"], answer["entries"], answer["near"]) == (
        "gpt-4o",
        "2026-11-20T12:00:00Z",
        [],
        [],
    )


def test_an_unknown_model_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert _prices("nope-nope", "--prices", "", "--json") == 1
    assert json.loads(capsys.readouterr().out)["quotes"] == []


def test_without_a_model_lists_the_entries_and_the_age_of_the_list(
    capsys: pytest.CaptureFixture[str], own: str
) -> None:
    assert _prices("--prices", own, *NOBODY) == 0
    printed = capsys.readouterr()
    version, age, _, *entries = printed.out.splitlines()
    assert version.startswith(VERSION)
    assert age == "The list's newest price change is of 2026-11-09, 11 days ago."
    assert entries == [
        "line  entry  provider  models  says             applies",
        "   2  price  openai    gpt-4o  input_mtok 2     tenant acme, from 2026-01-01",
        "   9  alias  azure     prod    is azure gpt-4o  always",
    ]
    assert printed.err.startswith("Unpriced models are not listed: no sidecar answers at http://127.0.0.1:9")


@pytest.fixture
def sidecar(own: str) -> Iterator[str]:
    """An address that answers as a sidecar with a price file and a model without a price does."""
    unpriced = UnpricedAnswer(provider="acme-ai", model="mystery-1", calls=2, input_tokens=4000, output_tokens=8)
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    answer = answer_prices(PriceBook.load(prices=own), PriceKey("", ""), at, unpriced=[unpriced])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write((answer.model_dump_json() if self.path.startswith("/api/v1/prices") else "{}").encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_without_a_file_it_tells_the_sidecar_s_prices(capsys: pytest.CaptureFixture[str], sidecar: str) -> None:
    assert _prices("--prices", "", "--url", sidecar) == 0
    printed = capsys.readouterr()
    shown = printed.out.splitlines()
    assert "   2  price  openai    gpt-4o  input_mtok 2     tenant acme, from 2026-01-01" in shown
    assert shown[-4:] == [
        "Without a price in the ledger, of the last 30 days:",
        "",
        "provider  model      calls  input  output",
        "acme-ai   mystery-1      2  4,000       8",
    ]
    assert printed.err == ""


def test_prices_that_the_sidecar_does_not_have_are_said(
    capsys: pytest.CaptureFixture[str], sidecar: str, tmp_path: Path
) -> None:
    (tmp_path / "other.toml").write_text("")
    assert _prices("--prices", str(tmp_path / "other.toml"), "--url", sidecar) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith(f"The sidecar at {sidecar} prices by genai-prices 0.2.3 + overlay ")
    assert "acme-ai   mystery-1      2  4,000       8" in printed.out.splitlines()


def test_a_sidecar_of_another_version_is_said(capsys: pytest.CaptureFixture[str], sidecar: str) -> None:
    assert _prices("--prices", "", "--url", f"{sidecar}/other") == 0
    assert capsys.readouterr().err.endswith("/other is of another version\n")


def test_an_old_list_is_said_to_be_old(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args(["--prices", "", *NOBODY, "--at", "2028-01-01T00:00:00Z"])) == 0
    _, age, *rest = capsys.readouterr().out.splitlines()
    assert age.endswith(" days ago; a newer one may be there: pip install --upgrade genai-prices.")
    assert rest == ["", "There are no prices of your own; deploy/prices.example.toml describes the file for them."]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prices", "/no/such.toml"], "spanmeter prices: /no/such.toml: cannot be read: No such file or directory"),
        (["--prices", "", "--at", "noon"], "spanmeter prices: --at='noon'"),
    ],
)
def test_a_wrong_file_or_time_is_refused(capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args(["gpt-4o", *options])) == 2
    assert capsys.readouterr().err.startswith(message)
