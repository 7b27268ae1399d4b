"""Rollups say what the ledger and the spans say."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from spanmeter import semconv
from spanmeter_collector import cost
from spanmeter_collector.batch import Batch
from spanmeter_collector.charge import Charge, reversal
from spanmeter_collector.rollup import LATENCY, LEDGER, chosen, least_in_buckets
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store
from spanmeter_collector.times import Period

NOW: Final = datetime(2026, 11, 22, 12, 40, tzinfo=UTC)
HOURS: Final = 60


def test_every_answer_is_the_sum_of_the_entries(
    ledger: tuple[Store, list[Charge]], question: Mapping[str, str]
) -> None:
    store, entries = ledger
    selection = read_selection(question.items(), cost.OPTIONS, now=NOW)
    answer = cost.answer_cost(store, selection)
    found = {tuple(row[name] for name in selection.group_by): figures(row) for row in answer.model_dump()["rows"]}
    asked = [entry for entry in entries if is_asked(entry, selection.period, selection.filters)]
    keys = {key(entry, selection.group_by) for entry in asked}
    assert found == {one: sums(entry for entry in asked if key(entry, selection.group_by) == one) for one in keys}
    assert figures(answer.total.model_dump()) == sums(asked)


QUESTIONS: Final = [
    {"since": "30h", "group_by": "model"},
    {"since": "2026-11-21T10:00:00Z", "until": "2026-11-22T10:00:00Z", "group_by": "model,day"},
    {"since": "2026-11-21T10:17:03.5Z", "until": "2026-11-22T10:41:00Z", "group_by": "hour,provider"},
    {"since": "2026-11-22T10:17:00Z", "until": "2026-11-22T10:41:00Z", "group_by": "model"},
    {"since": "2026-11-22T09:17:00Z", "until": "2026-11-22T10:00:00Z", "group_by": "service"},
    {"since": "40h", "group_by": "component", "service": "one"},
    {"since": "40h", "group_by": "tenant,feature", "model": "priced"},
    {"since": "40h", "group_by": "hour", "tenant": "acme", "grade": "unpriced"},
    {"since": "40h", "group_by": "hour", "feature": "search"},
    {"since": "50h", "group_by": "hour,tenant"},
    {"since": "50h", "group_by": "component,model"},
    {"since": "40h", "group_by": "user,model"},
    {"since": "40h", "group_by": "user,tenant"},
    {"since": "40h", "group_by": "day", "user": "u2"},
    {"since": "40h", "group_by": "minute", "team": "core"},
    {"since": "40h", "group_by": "operation,framework", "day": "2026-11-21"},
    {"since": "40h", "group_by": "grade", "hour": "2026-11-22T08:00:00Z"},
]


@pytest.fixture(params=QUESTIONS, ids=str)
def question(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """A question about the ledger of random entries."""
    asked: Mapping[str, str] = request.param
    return asked


@pytest.fixture(scope="module")
def ledger(engine_path: Any) -> tuple[Store, list[Charge]]:
    """A store with entries of sixty hours, of unknown price and taken back among them, in several batches."""
    store = Store.open(f"chdb://{engine_path}?database=rollups")
    chance = random.Random(7)
    entries = [one for number in range(700) for one in random_entries(chance, number)]
    for first in range(0, len(entries), 500):
        store.write(Batch(charges=entries[first : first + 500]), token=str(first))
    return store, entries


def random_entries(chance: random.Random, number: int) -> Iterable[Charge]:
    """An entry with counts or of a component, and sometimes its reversal."""
    started = NOW - timedelta(hours=chance.random() * HOURS)
    unpriced, is_call = chance.random() < 0.2, chance.random() < 0.3
    tokens = chance.randrange(5000) * (not is_call)
    entry = Charge(
        time=round(started.timestamp() * 1_000_000) * 1000 + number,
        recorded_at=round(started.timestamp() * 1000),
        entry="charge",
        trace_id=number.to_bytes(16),
        span_id=number.to_bytes(8),
        component="call" if is_call else chance.choice(("input", "output")),
        calls=int(is_call),
        failed_calls=chance.randrange(2) * is_call,
        unpriced_calls=int(is_call and unpriced),
        input_tokens=tokens,
        quantity=tokens,
        unit="call" if is_call else "token",
        usd=None if unpriced else Decimal(tokens) * Decimal("0.000000080001"),
        grade="unpriced" if unpriced else "computed",
        model="unknown" if unpriced and chance.random() < 0.9 else "priced",
    )._replace(**{name: chance.choice(values) for name, values in VALUES.items()})
    return (entry, reversal(entry, recorded_at=entry.recorded_at + 1)) if chance.random() < 0.1 else (entry,)


VALUES: Final[dict[str, Any]] = {
    "service": ("one", "two"),
    "framework": ("langchain", "llama_index"),
    "operation": ("chat", "embeddings"),
    "provider": ("openai", "anthropic"),
    "tenant": ("acme", "globex", ""),
    "feature": ("search", ""),
    "team": ("core", "data"),
    "user": ("u1", "u2", "u3"),
}


def is_asked(entry: Charge, period: Period, filters: Mapping[str, tuple[str, ...]]) -> bool:
    return period.since_us * 1000 <= entry.time < period.until_us * 1000 and all(
        key(entry, (name,))[0] in values for name, values in filters.items()
    )


def key(entry: Charge, names: Iterable[str]) -> tuple[str, ...]:
    started = datetime.fromtimestamp(entry.time // 1_000_000_000, UTC)
    times = {"minute": f"{started:%FT%H:%M:00Z}", "hour": f"{started:%FT%H:00:00Z}", "day": f"{started:%F}"}
    return tuple(times.get(name) or getattr(entry, name) for name in names)


def sums(entries: Iterable[Charge]) -> dict[str, object]:
    """What entries add up to; the amount is unknown where no price is."""
    listed = list(entries)
    counts = {name: sum(getattr(entry, name) for entry in listed) for name in cost.COUNTS}
    known = [entry.usd for entry in listed if entry.usd is not None]
    usd = sum(known, Decimal(0))
    unknown = not known or (counts["unpriced_calls"] > 0 and counts["unpriced_calls"] >= counts["calls"] and usd == 0)
    return counts | {"usd": None if listed and unknown else usd}


def figures(row: Mapping[str, Any]) -> dict[str, object]:
    counts = {name: row[name] for name in cost.COUNTS}
    return counts | {"usd": None if row["cost_usd"] is None else Decimal(row["cost_usd"])}


def test_the_smallest_rollup_that_can_answer_is_asked() -> None:
    month = Period(since=NOW - timedelta(days=30), until=NOW)
    asked = [
        ["model", "day"],
        ["component"],
        ["tenant", "hour"],
        ["user"],
        ["minute"],
        ["tag.branch"],
        ["tenant", "component"],
        ["tenant", "model", "hour"],
        ["feature", "hour"],
        ["provider", "hour"],
        ["service", "day"],
        ["user", "day"],
        ["user", "model"],
    ]
    names = [rollup.name if (rollup := chosen(LEDGER, names, month)) else None for names in asked]
    assert names == [
        "components_by_day",
        "components_by_day",
        "tenants_alone_by_hour",
        "payers_by_day",
        None,
        None,
        None,
        "tenants_by_hour",
        "features_alone_by_hour",
        "models_by_hour",
        "calls_by_day",
        "payers_by_day",
        None,
    ]


@pytest.mark.parametrize(
    ("names", "hours", "expected"),
    [
        (["operation", "hour"], 24, "operations_by_hour"),
        (["operation"], 24, "operations_by_hour"),
        (["operation"], 48, "operations_by_day"),
        (["model"], 24, "spans_by_hour"),
        (["model"], 48, "spans_by_day"),
        (["model", "hour"], 48, "spans_by_hour"),
        (["user"], 48, "users_by_day"),
        (["user"], 20, None),
        (["user", "hour"], 48, None),
        (["model"], 0.5, None),
    ],
)
def test_a_rollup_by_days_is_asked_for_whole_days_only(names: list[str], hours: float, expected: str | None) -> None:
    rollup = chosen(LATENCY, names, Period(since=NOW - timedelta(hours=hours), until=NOW))
    assert (rollup and rollup.name) == expected


def test_a_bucket_begins_behind_the_bound_below_it() -> None:
    assert least_in_buckets((1, 4, 16), scale=1) == (0, 2, 5, 17)
    assert least_in_buckets(semconv.DURATION_BUCKETS, scale=1000)[:3] == (0, 11, 21)
