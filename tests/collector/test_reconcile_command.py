"""`spanmeter reconcile`: bills written by hand against a ledger that real OTLP filled."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spanmeter_collector.cli import main

MINI, HAIKU, SONNET = "gpt-4o-mini-2024-07-18", "claude-haiku-4-5-20251001", "claude-sonnet-4-5-20250929"
NUMBERS = itertools.count(1)

# Day of September 2026, model, calls, and of each call: input tokens, of them cached, output tokens.
LEDGER = (
    (1, MINI, 10, 3000, 1000, 500),
    (2, MINI, 6, 2000, 0, 100),
    (3, MINI, 8, 1000, 0, 100),
    (4, MINI, 5, 2000, 0, 200),
    (5, MINI, 4, 2000, 500, 100),
    (6, MINI, 9, 1000, 0, 100),
    (7, MINI, 11, 1000, 0, 100),
    (8, "mystery-1", 3, 1000, 0, 100),
    (9, HAIKU, 100, 5000, 3000, 1000),
    (9, SONNET, 20, 5000, 0, 1000),
    (10, MINI, 10, 1000, 0, 100),
    (10, "gpt-4o", 2, 1000, 0, 100),
    (12, MINI, 4, 1000, 0, 100),
    (13, "o4-mini-2025-04-16", 2, 1000, 0, 300),
    (14, SONNET, 2, 1000, 0, 100),
)

Reconcile = Callable[..., tuple[int, dict[str, Any]]]


def day(number: int) -> datetime:
    return datetime(2026, 9, number, tzinfo=UTC)


def seconds(number: int) -> int:
    return int(day(number).timestamp())


def call(number: int, model: str, used: int, cached: int, said: int) -> dict[str, Any]:
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic" if model.startswith("claude") else "openai",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.usage.input_tokens": used,
        "gen_ai.usage.output_tokens": said,
        "gen_ai.usage.cache_read.input_tokens": cached,
    }
    if number == 13:
        told["gen_ai.usage.reasoning.output_tokens"] = 200
    if number == 14:
        told |= {"spanmeter.usage.input": used, "spanmeter.usage.output": said, "spanmeter.usage.web_searches": 3}
    identity, start = next(NUMBERS), (seconds(number) + 43_200) * 10**9
    return {
        "traceId": f"ec{identity:030x}",
        "spanId": f"ec{identity:014x}",
        "name": f"chat {model}",
        "startTimeUnixNano": str(start + identity),
        "endTimeUnixNano": str(start + identity + 10**9),
        "attributes": [
            {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
            for key, value in told.items()
        ],
    }


@pytest.fixture(scope="module")
def ledger(sidecar: Any) -> str:
    """The address of a sidecar whose ledger holds LEDGER."""
    spans = [call(number, model, *used) for number, model, calls, *used in LEDGER for _ in range(calls)]
    body = {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "reconcile"}, "spans": spans}]}]}
    assert sidecar.post("/v1/traces", json.dumps(body).encode(), content_type="application/json").status_code == 200
    sidecar.settle()
    return str(sidecar.http)


@pytest.fixture
def reconcile(ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Reconcile:
    """Reconcile the texts of files, and return the exit status and the answer as JSON."""

    def run(*files: str, words: tuple[str, ...] = ()) -> tuple[int, dict[str, Any]]:
        paths = [tmp_path / f"bill-{number}" for number in range(len(files))]
        for path, text in zip(paths, files, strict=True):
            path.write_text(text, encoding="utf-8")
        status = main(["reconcile", *map(str, paths), "--json", "--url", ledger, *words])
        return status, json.loads(capsys.readouterr().out)

    return run


def openai_costs(*lines: tuple[int, str, str, int | None]) -> str:
    """A page of `/organization/costs`: day, line item, dollars, quantity."""
    buckets = [
        {
            "object": "bucket",
            "start_time": seconds(number),
            "end_time": seconds(number + 1),
            "results": [
                {
                    "object": "organization.costs.result",
                    "amount": {"value": float(usd), "currency": "usd"},
                    "line_item": item,
                    "project_id": None,
                    "quantity": quantity,
                }
            ],
        }
        for number, item, usd, quantity in lines
    ]
    return json.dumps({"object": "page", "data": buckets, "has_more": False, "next_page": None})


def openai_usage(*lines: tuple[int, str, int, int, int, int], **more: Any) -> str:
    """A page of `/organization/usage/completions`: day, model, requests, input, of it cached, output."""
    buckets = [
        {
            "object": "bucket",
            "start_time": seconds(number),
            "end_time": seconds(number + 1),
            "results": [
                {
                    "object": "organization.usage.completions.result",
                    "input_tokens": used,
                    "input_cached_tokens": cached,
                    "output_tokens": said,
                    "num_model_requests": requests,
                    "model": model,
                    **more,
                }
            ],
        }
        for number, model, requests, used, cached, said in lines
    ]
    return json.dumps({"object": "page", "data": buckets, "has_more": False, "next_page": None})


def only(answer: dict[str, Any]) -> dict[str, Any]:
    (row,) = answer["rows"]
    return dict(row)


def figures(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("cost_usd", "billed_usd", "by_tokens_usd", "by_price_usd", "rest_usd"))


def names(row: dict[str, Any]) -> list[str]:
    return [cause["name"] for cause in row["causes"]]


def test_a_bill_that_agrees(reconcile: Reconcile) -> None:
    # 20,000 x 0.15 + 10,000 x 0.075 + 5,000 x 0.6 per million
    status, answer = reconcile(
        openai_costs(
            (1, f"{MINI}, input", "0.003", 20_000),
            (1, f"{MINI}, cached input", "0.00075", 10_000),
            (1, f"{MINI}, output", "0.003", 5_000),
        ),
        openai_usage((1, MINI, 10, 30_000, 10_000, 5_000)),
    )
    row = only(answer)
    assert (status, answer["agrees"], row["agrees"], row["causes"]) == (0, True, True, [])
    assert (row["day"], row["model"], row["calls"], row["billed_calls"]) == ("2026-09-01", MINI, 10, 10)
    assert figures(row) == ("0.00675", "0.00675", "0", "0", "0")
    assert row["components"] == [
        _component("input", 20_000, "0.15"),
        _component("cache_read", 10_000, "0.075"),
        _component("output", 5_000, "0.6"),
    ]
    assert answer["total"] == {"cost_usd": "0.00675", "billed_usd": "0.00675", "difference_usd": "0"}


def _component(name: str, tokens: int, price: str) -> dict[str, Any]:
    both = {"tokens": tokens, "billed_tokens": tokens, "usd_per_mtok": price, "billed_usd_per_mtok": price}
    return {"component": name, **both}


def test_calls_that_the_ledger_lacks(reconcile: Reconcile) -> None:
    # The bill has 10 calls, the ledger 6: 4 x (2,000 x 0.15 + 100 x 0.6) per million are missing.
    status, answer = reconcile(
        openai_costs((2, f"{MINI}, input", "0.003", None), (2, f"{MINI}, output", "0.0006", None)),
        openai_usage((2, MINI, 10, 20_000, 0, 1_000)),
    )
    row = only(answer)
    assert (status, row["drift"], names(row)) == (1, "-0.400000", ["missing_calls"])
    assert figures(row) == ("0.00216", "0.0036", "-0.00144", "0", "0")
    assert row["causes"][0]["text"] == (
        "4 of 10 calls and 8,400 of 21,000 tokens are not in the ledger: an application or an API key without Spanmeter"
    )


def test_calls_that_the_ledger_has_twice(reconcile: Reconcile) -> None:
    status, answer = reconcile(
        openai_costs((3, f"{MINI}, input", "0.0006", 4_000), (3, f"{MINI}, output", "0.00024", 400))
    )
    row = only(answer)
    assert (status, row["drift"], names(row)) == (1, "1.000000", ["duplicates"])
    assert figures(row) == ("0.00168", "0.00084", "0.00084", "0", "0")


@pytest.mark.parametrize(
    ("factor", "cause", "price"),
    [
        ("0.5", "batch", "0.00105"),
        ("0.88", "discount", "0.000252"),
        ("1.1", "region", "-0.00021"),
        ("1.3", "dearer", "-0.00063"),
    ],
)
def test_the_same_tokens_at_another_price(reconcile: Reconcile, factor: str, cause: str, price: str) -> None:
    # 10,000 x 0.15 + 1,000 x 0.6 per million = 0.0021 at our price
    status, answer = reconcile(
        openai_costs(
            (4, f"{MINI}, input", str(0.0015 * float(factor)), 10_000),
            (4, f"{MINI}, output", str(0.0006 * float(factor)), 1_000),
        )
    )
    row = only(answer)
    assert (status, names(row)) == (1, [cause])
    assert [round(float(row[name]), 9) for name in ("by_tokens_usd", "by_price_usd", "rest_usd")] == [
        0,
        float(price),
        0,
    ]


def test_the_price_differs_where_only_the_sum_of_a_model_is_billed(reconcile: Reconcile) -> None:
    status, answer = reconcile(
        openai_costs((4, MINI, "0.00105", None)), openai_usage((4, MINI, 5, 10_000, 0, 1_000), batch=True)
    )
    row = only(answer)
    assert (status, names(row)) == (1, ["batch"])
    assert figures(row) == ("0.0021", "0.00105", "0", "0.00105", "0")
    assert row["causes"][0]["text"].endswith("; the bill says batch")


def test_the_same_tokens_in_other_buckets(reconcile: Reconcile) -> None:
    status, answer = reconcile(openai_usage((5, MINI, 4, 8_000, 6_000, 400)))
    row = only(answer)
    assert (status, names(row)) == (1, ["cache_split"])
    assert row["causes"][0]["text"] == "the same tokens in other buckets: input +4,000, cache_read -4,000"
    assert (row["cost_usd"], row["billed_usd"], row["rest_usd"]) == ("0.00129", None, None)


def test_calls_around_midnight_settle_each_other(reconcile: Reconcile) -> None:
    # The bill books one of the 11 calls of the 7th on the 6th.
    status, answer = reconcile(openai_usage((6, MINI, 10, 10_000, 0, 1_000), (7, MINI, 10, 10_000, 0, 1_000)))
    assert (status, [row["agrees"] for row in answer["rows"]]) == (0, [False, False])
    assert [names(row) for row in answer["rows"]] == [["day_boundary"], ["day_boundary"]]


@pytest.mark.parametrize(
    ("billed", "cause", "text"),
    [
        (
            (4, 6_000, 600),
            "missing_tokens",
            "all 4 calls are in the ledger, 2,200 of 6,600 tokens are not: ",
        ),
        (
            (3, 3_000, 300),
            "more_calls",
            "the ledger has 1,100 tokens and 1 call more: ",
        ),
        (
            (1, 1_000, 100),
            "duplicates",
            "the ledger has everything 4 times: ",
        ),
    ],
)
def test_tokens_that_differ_are_told_with_their_calls(
    reconcile: Reconcile, billed: tuple[int, int, int], cause: str, text: str
) -> None:
    calls, used, said = billed
    status, answer = reconcile(openai_usage((12, MINI, calls, used, 0, said)))
    (told,) = only(answer)["causes"]
    assert (status, told["name"], told["text"][: len(text)]) == (1, cause, text)


def test_reasoning_is_billed_as_output(reconcile: Reconcile) -> None:
    # 2,000 x 1.1 + 600 x 4.4 per million
    status, answer = reconcile(
        openai_costs(
            (13, "o4-mini-2025-04-16, input", "0.0022", 2_000), (13, "o4-mini-2025-04-16, output", "0.00264", 600)
        )
    )
    assert (status, figures(only(answer))) == (0, ("0.00484", "0.00484", "0", "0", "0"))


def test_searches_are_compared_apart_from_models(reconcile: Reconcile) -> None:
    # Anthropic bills $10 per 1,000 searches: 2 calls with 3 each; 2,000 x 3 + 200 x 15 per million for the tokens
    day_of_searches = {"starting_at": "2026-09-14T00:00:00Z", "ending_at": "2026-09-15T00:00:00Z"}
    costs = [
        {
            "amount": "0.6",
            "currency": "USD",
            "model": SONNET,
            "token_type": "uncached_input_tokens",
            "cost_type": "tokens",
        },
        {"amount": "0.3", "currency": "USD", "model": SONNET, "token_type": "output_tokens", "cost_type": "tokens"},
        {"amount": "6", "currency": "USD", "model": None, "token_type": None, "cost_type": "web_search"},
    ]
    status, answer = reconcile(json.dumps({"data": [{**day_of_searches, "results": costs}], "has_more": False}))
    assert [(row["model"], *figures(row)[:2]) for row in answer["rows"]] == [
        ("web searches", "0.06", "0.06"),
        (SONNET, "0.009", "0.009"),
    ]
    assert status == 0


def test_models_without_a_price_are_named(reconcile: Reconcile) -> None:
    status, answer = reconcile(
        openai_costs((8, "mystery-1, input", "0.5", 3_000), (8, "mystery-1, output", "0.1", 300))
    )
    row = only(answer)
    assert (status, row["unpriced_calls"], names(row)) == (1, 3, ["unpriced"])
    assert row["causes"][0]["text"] == "3 of 3 calls have no known price: spanmeter prices mystery-1"
    assert (row["cost_usd"], row["billed_usd"], row["rest_usd"]) == ("0", "0.6", "-0.6")


def anthropic_costs(*lines: tuple[str, str, str]) -> str:
    """A page of the cost report for the 9th: model, kind of token, cents."""
    results = [
        {
            "amount": cents,
            "context_window": "0-200k",
            "cost_type": "tokens",
            "currency": "USD",
            "description": f"{model} Usage",
            "model": model,
            "service_tier": "standard",
            "token_type": kind,
            "workspace_id": None,
        }
        for model, kind, cents in lines
    ]
    bucket = {"starting_at": "2026-09-09T00:00:00Z", "ending_at": "2026-09-10T00:00:00Z", "results": results}
    return json.dumps({"data": [bucket], "has_more": False, "next_page": None})


def test_anthropics_reports_in_cents_and_with_disjoint_input(reconcile: Reconcile) -> None:
    # Haiku: 200,000 x 1 + 300,000 x 0.1 + 100,000 x 5; Sonnet: 100,000 x 3 + 20,000 x 15, per million
    usage = {
        "starting_at": "2026-09-09T00:00:00Z",
        "ending_at": "2026-09-10T00:00:00Z",
        "results": [
            _messages(HAIKU, 200_000, 300_000, 100_000),
            _messages(SONNET, 100_000, 0, 20_000),
        ],
    }
    status, answer = reconcile(
        json.dumps({"data": [usage], "has_more": False}),
        anthropic_costs(
            (HAIKU, "uncached_input_tokens", "20"),
            (HAIKU, "cache_read_input_tokens", "3"),
            (HAIKU, "output_tokens", "50"),
            (SONNET, "uncached_input_tokens", "30"),
            (SONNET, "output_tokens", "30"),
        ),
    )
    assert (status, [figures(row)[:2] for row in answer["rows"]]) == (0, [("0.73", "0.73"), ("0.6", "0.6")])
    assert [each["kind"] for each in answer["files"]] == ["Anthropic usage report", "Anthropic cost report"]


def _messages(model: str, fresh: int, cached: int, said: int) -> dict[str, Any]:
    return {
        "uncached_input_tokens": fresh,
        "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
        "cache_read_input_tokens": cached,
        "output_tokens": said,
        "server_tool_use": {"web_search_requests": 0},
        "model": model,
        "service_tier": "standard",
    }


ANTHROPIC_EXPORT = """\
usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,cost_type
2026-09-09,Claude Haiku 4.5,Default,shop,message,≤ 200k,input_no_cache,0.20,0.20,token
2026-09-09,Claude Haiku 4.5,Default,shop,message,≤ 200k,input_cache_read,0.03,0.03,token
2026-09-09,Claude Haiku 4.5,Default,shop,message,≤ 200k,output,0.50,0.50,token
2026-09-09,Claude Sonnet 4.5,Default,shop,message,≤ 200k,input_no_cache,0.30,0.30,token
2026-09-09,Claude Sonnet 4.5,Default,shop,message,≤ 200k,output,0.31,0.31,token
"""


def test_names_for_people_and_amounts_in_whole_cents_are_understood(reconcile: Reconcile) -> None:
    # Sonnet's cent too much is what rounding each of two lines may make.
    status, answer = reconcile(ANTHROPIC_EXPORT)
    assert (status, [(row["model"], row["agrees"]) for row in answer["rows"]]) == (0, [(HAIKU, True), (SONNET, True)])
    assert [row["billed_names"] for row in answer["rows"]] == [["Claude Haiku 4.5"], ["Claude Sonnet 4.5"]]


def test_what_only_one_side_has(reconcile: Reconcile) -> None:
    status, answer = reconcile(
        openai_usage((10, MINI, 10, 10_000, 0, 1_000), (10, "o4-mini-2025-04-16", 3, 900, 0, 90)),
        openai_costs(
            (10, MINI, "0.0021", None), (10, "o4-mini-2025-04-16", "0.5", None), (10, "Vector storage", "0.25", None)
        ),
    )
    found = {row["model"]: (row["agrees"], names(row), figures(row)) for row in answer["rows"]}
    assert (status, found) == (
        1,
        {
            "o4-mini-2025-04-16": (False, ["not_instrumented"], ("0", "0.5", "-0.5", "0", "0")),
            "gpt-4o": (False, ["not_billed"], ("0.007", "0", "0.007", "0", "0")),
            MINI: (True, [], ("0.0021", "0.0021", "0", "0", "0")),
        },
    )
    assert answer["fees"] == [{"day": "2026-09-10", "item": "Vector storage", "billed_usd": "0.25"}]


DAYS_EXPORT = """\
start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id
{one},{two},,,0.0091,usd,,
{two},{three},,,,,,
"""


def test_a_bill_of_days_is_compared_with_whole_days(reconcile: Reconcile) -> None:
    # 0.0021 of gpt-4o-mini and 2 x (1,000 x 2.5 + 100 x 10) per million of gpt-4o
    text = DAYS_EXPORT.format(one=seconds(10), two=seconds(11), three=seconds(12))
    status, answer = reconcile(text)
    assert (status, answer["files"][0]["empty"], answer["files"][0]["days"]) == (0, 1, ["2026-09-10", "2026-09-11"])
    assert [(row["model"], *figures(row)[:2]) for row in answer["rows"]] == [("all models", "0.0091", "0.0091")]


def test_usage_that_names_no_model_is_compared_with_whole_days(reconcile: Reconcile) -> None:
    status, answer = reconcile(openai_usage((10, "", 12, 12_000, 0, 1_200)))
    row = only(answer)
    assert (status, row["model"], row["calls"], row["billed_calls"]) == (0, "all models", 12, 12)
    assert row["names"] == ["gpt-4o", MINI]


def test_lines_that_are_not_understood_are_shown_and_fail(reconcile: Reconcile) -> None:
    text = DAYS_EXPORT.format(one=seconds(10), two=seconds(11), three=seconds(12))
    status, answer = reconcile(text + f"{seconds(11)},,,,1.5,eur,,\nlater,,,,2,usd,,\n{seconds(11)},,,,cheap,usd,,\n")
    assert (status, answer["agrees"]) == (1, False)
    assert [(one["line"], one["reason"]) for one in answer["files"][0]["not_understood"]] == [
        (3, "the amount is in eur, and the ledger is in US dollars"),
        (4, "start_time 'later' is no time"),
        (5, "amount_value 'cheap' is no number"),
    ]


def test_the_tolerance_is_the_users(reconcile: Reconcile) -> None:
    bill = openai_usage((1, MINI, 10, 30_300, 10_000, 5_000))
    assert [reconcile(bill, words=("--tolerance", share))[0] for share in ("0.5%", "1%", "0.01", "0.001")] == [
        1,
        0,
        0,
        1,
    ]


def test_only_some_calls_may_be_compared(reconcile: Reconcile) -> None:
    status, answer = reconcile(openai_usage((10, MINI, 10, 10_000, 0, 1_000)), words=("--where", "model=" + MINI))
    assert (status, [row["model"] for row in answer["rows"]]) == (0, [MINI])


@pytest.fixture
def terminal(ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], tuple[int, str, str]]:
    def run(text: str) -> tuple[int, str, str]:
        path = tmp_path / "bill"
        path.write_text(text, encoding="utf-8")
        status = main(["reconcile", str(path), "--url", ledger])
        said = capsys.readouterr()
        return status, said.out.replace(str(tmp_path), ""), said.err.replace(str(tmp_path), "")

    return run


def test_people_read_a_table_and_its_causes(terminal: Callable[[str], tuple[int, str, str]]) -> None:
    status, out, err = terminal(
        openai_costs(
            (2, f"{MINI}, input", "0.003", 20_000),
            (2, f"{MINI}, output", "0.0006", 1_000),
            (2, "Vector storage", "0.25", None),
        )
    )
    assert (status, err) == (1, "")
    assert (
        out
        == """\
OpenAI costs, /bill: 2026-09-02 to 2026-09-02 (UTC), 3 lines, 0 empty, 0 not understood

day         model                   tokens  billed       cost     billed   by tokens  by price   rest  drift  cause
2026-09-02  gpt-4o-mini-2024-07-18  12,600  21,000  $0.002160  $0.003600  -$0.001440     $0.00  $0.00  -40 %      1

1) 8,400 of 21,000 tokens are not in the ledger: an application or an API key without Spanmeter

For no call of a model, so not in the ledger:
  2026-09-02  Vector storage  $0.2500

0 of 1 days and models agree within 0.5 %; ledger $0.002160, bill $0.003600, difference -$0.001440.
"""
    )


def test_rows_with_the_same_cause_share_its_number(terminal: Callable[[str], tuple[int, str, str]]) -> None:
    models = ("o4-mini-2025-04-16", "o3-2025-04-16", MINI)
    _, out, _ = terminal(openai_usage(*((12, model, 3, 300, 0, 30) for model in models)))
    table, *causes = out.split("\n\n")[1:]
    numbers = {line.split()[1]: line.split()[-1] for line in table.splitlines()[1:]}
    assert numbers == {MINI: "1", "o3-2025-04-16": "2", "o4-mini-2025-04-16": "2"}
    assert [cause.partition(" ")[0] for cause in causes] == ["1)", "2)", "0"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a,b,c\n1,2,3\n", "/bill is no bill that is known: it has a, b, c; expected one of: OpenAI's costs "),
        ("", "/bill is no bill that is known: it has nothing; expected one of: "),
        ('{"data": 1}', "/bill holds JSON without the pages of a bill; expected one of: "),
        ('{"data": [', "/bill is no JSON: "),
        ('{"data": 1e99999999999999999999}', "/bill is no JSON: "),
        ('{"data": [{"start_time": 1, "end_time": 2, "results": []}]}', "/bill holds periods without a single result"),
    ],
)
def test_what_is_no_bill_is_refused(terminal: Callable[[str], tuple[int, str, str]], text: str, complaint: str) -> None:
    status, out, err = terminal(text)
    assert (status, out, err.startswith(f"spanmeter reconcile: {complaint}")) == (2, "", True)


def test_a_file_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["reconcile", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == f"spanmeter reconcile: cannot read {tmp_path}/none: No such file or directory\n"


def test_a_file_given_twice_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "one").write_text(openai_usage((1, MINI, 1, 1, 0, 1)))
    (tmp_path / "two").write_text(openai_usage((1, MINI, 1, 1, 0, 1)))
    assert main(["reconcile", str(tmp_path / "one"), str(tmp_path / "two")]) == 2
    assert capsys.readouterr().err == (
        f"spanmeter reconcile: {tmp_path}/two says the same as {tmp_path}/one; give each export once\n"
    )


def test_files_of_two_providers_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "openai").write_text(openai_usage((1, MINI, 1, 1, 0, 1)))
    (tmp_path / "anthropic").write_text(ANTHROPIC_EXPORT, encoding="utf-8")
    assert main(["reconcile", str(tmp_path / "openai"), str(tmp_path / "anthropic")]) == 2
    assert capsys.readouterr().err == (
        "spanmeter reconcile: the files are of anthropic and openai; give those of one provider at a time\n"
    )
