"""What calls cost, asked of a real store."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector.batch import Batch
from spanmeter_collector.charge import Charge
from spanmeter_collector.cost import OPTIONS, answer_cost
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.selection import CHARGES, read_selection
from spanmeter_collector.store import Store

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIGURES = (
    "calls",
    "failed_calls",
    "cache_hits",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
    "unpriced_calls",
)


def ask(store: Store, **query: str) -> dict[str, object]:
    parameters = [(name.replace("tag_", "tag."), value) for name, value in query.items()]
    return answer_cost(store, read_selection(parameters, OPTIONS, now=NOW)).model_dump()


def figures(*values: object) -> dict[str, object]:
    return dict(zip(FIGURES, values, strict=True))


TOTAL = figures(3, 1, 1, 352, 100, 58, 20, "0.00006774", 1)


def test_the_whole_answer_by_model(known: Store) -> None:
    assert ask(known, group_by="model") == {
        "rows": [
            {"model": "gpt-4o-mini"} | figures(1, 1, 1, 300, 100, 50, 20, "0.0000675", 0),
            {"model": "e-small"} | figures(1, 0, 0, 12, 0, 0, 0, "0.00000024", 0),
            {"model": "mystery-1"} | figures(1, 0, 0, 40, 0, 8, 0, None, 1),
        ],
        "total": TOTAL,
        "priced_share": pytest.approx(2 / 3),
        "unpriced": [{"provider": "acme-ai", "model": "mystery-1", "calls": 1, "input_tokens": 40, "output_tokens": 8}],
        "since": "2026-11-21T12:00:00Z",
        "until": "2026-11-22T12:00:00Z",
        "truncated": False,
    }


def test_without_dimensions_the_one_row_is_the_total(known: Store) -> None:
    answer = ask(known)
    assert (answer["rows"], answer["total"]) == ([TOTAL], TOTAL)


def test_an_empty_period_costs_nothing_and_is_wholly_priced(known: Store) -> None:
    assert ask(known, since="5m", group_by="model") == {
        "rows": [],
        "total": figures(0, 0, 0, 0, 0, 0, 0, "0", 0),
        "priced_share": 1.0,
        "unpriced": [],
        "since": "2026-11-22T11:55:00Z",
        "until": "2026-11-22T12:00:00Z",
        "truncated": False,
    }


def test_calls_of_which_no_price_is_known_cost_an_unknown_amount(known: Store) -> None:
    answer = ask(known, model="mystery-1")
    assert (answer["total"], answer["priced_share"]) == (figures(1, 0, 0, 40, 0, 8, 0, None, 1), 0.0)


def test_models_without_a_price_are_listed_as_far_as_they_are_asked_for(known: Store) -> None:
    assert [len(ask(known, service=service)["unpriced"]) for service in ("batch", "shop-rag")] == [1, 0]  # type: ignore[arg-type]


def test_a_model_without_a_price_is_told_as_soon_as_it_has_come_in(store: Store) -> None:
    def models() -> list[str]:
        answer = answer_cost(store, read_selection([("tenant", "acme"), ("since", "3d")], OPTIONS, now=NOW))
        return [one.model for one in answer.unpriced]

    told = []
    for number, model in enumerate(("one", "other"), start=1):
        at = round((NOW - timedelta(days=2)).timestamp()) * 10**9
        entry = Charge(
            *(at, 1, "charge", bytes([number]) * 16, bytes(8), "call"),
            calls=1, unpriced_calls=1, grade="unpriced", tenant="acme", model=model,
        )  # fmt: skip
        store.write(Batch(charges=[entry]), token=model)
        told += [models(), models()]

    assert told == [["one"], ["one"], ["one", "other"], ["one", "other"]]


def test_hours_ascend_whatever_they_cost(known: Store) -> None:
    rows = ask(known, group_by="service,hour")["rows"]
    assert rows == [
        {"service": "shop-rag", "hour": "2026-11-22T10:00:00Z"} | figures(2, 0, 0, 312, 100, 50, 20, "0.00006774", 0),
        {"service": "batch", "hour": "2026-11-22T11:00:00Z"} | figures(1, 1, 1, 40, 0, 8, 0, None, 1),
    ]


def test_a_filter_given_twice_means_any_of_the_values(known: Store) -> None:
    query = [("model", "e-small"), ("model", "gpt-4o-mini"), ("tenant", "acme")]
    answer = answer_cost(known, read_selection(query, OPTIONS, now=NOW))
    assert answer.total.model_dump() == figures(2, 0, 0, 312, 100, 50, 20, "0.00006774", 0)


@pytest.mark.parametrize(
    ("query", "calls"),
    [
        ({"tag_branch": "main"}, 1),
        ({"tag_branch": ""}, 2),
        ({"tag_absent": "main"}, 0),
        ({"tenant": ""}, 1),
        ({"hour": "2026-11-22T10:00:00Z"}, 2),
        ({"minute": "2026-11-22T10:00:00Z"}, 2),
        ({"day": "2026-11-22"}, 3),
        ({"grade": "unpriced"}, 1),
        ({"until": "2026-11-22T10:00:00.6Z"}, 1),
        ({"since": "2026-11-22T10:00:00.6Z"}, 2),
    ],
    ids=str,
)
def test_filters_and_bounds_select_calls(known: Store, query: dict[str, str], calls: int) -> None:
    total = ask(known, **query)["total"]
    assert isinstance(total, dict)
    assert total["calls"] == calls


@pytest.mark.parametrize("dimension", [*CHARGES.names, "tag.branch", "model,component,tag.branch"])
def test_rows_add_up_to_the_total_by_every_dimension(known: Store, dimension: str) -> None:
    answer = answer_cost(known, read_selection([("group_by", dimension)], OPTIONS, now=NOW))
    rows = answer.model_dump()["rows"]
    sums = {name: sum(row[name] for row in rows) for name in FIGURES if name != "cost_usd"}
    cost = sum(Decimal(row["cost_usd"]) for row in rows if row["cost_usd"] is not None)
    assert sums | {"cost_usd": cost} == TOTAL | {"cost_usd": Decimal("0.00006774")}


def test_a_limit_leaves_rows_out_but_not_out_of_the_total(known: Store) -> None:
    answer = ask(known, group_by="model", limit="1")
    assert (answer["rows"], answer["total"], answer["truncated"]) == (
        [{"model": "gpt-4o-mini"} | figures(1, 1, 1, 300, 100, 50, 20, "0.0000675", 0)],
        TOTAL,
        True,
    )


@pytest.mark.parametrize("limit", ["0", "10001", "-1", "1.5", "x", "9" * 30])
def test_a_limit_out_of_bounds_is_refused(known: Store, limit: str) -> None:
    with pytest.raises(
        QuestionError, match=rf"^limit='{limit}' is not allowed; allowed: a whole number from 1 to 10000$"
    ):
        ask(known, limit=limit)


def test_an_acknowledged_call_is_in_the_bill_soon(
    sidecar: Any, request_of: MakeRequest, span: MakeSpan, call_attributes: dict[str, object]
) -> None:
    body = request_of(span(7001, attributes=call_attributes | {"user.id": "soon"})).SerializeToString()
    deadline = time.monotonic() + 30
    assert sidecar.post("/v1/traces", body, content_type="application/x-protobuf").status_code == 200
    while (
        sidecar.get("/api/v1/cost?since=2026-11-01T00:00:00Z&until=2026-12-01T00:00:00Z&user=soon")["total"]["calls"]
        < 1
    ):
        assert time.monotonic() < deadline, "not there after 30 s; it should be after 2"
        time.sleep(0.05)
