"""What is to go, by age and by size, without a store."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from spanmeter_collector.retention import Due, Partition, Retention, due

TODAY = date(2026, 11, 22)
START_OF_TODAY = round(datetime(2026, 11, 22, tzinfo=UTC).timestamp())
DAYS = ["20261101", "20261102", "20261120", "20261121", "20261122", "21050101"]


def part(table: str, name: str, *, size: int = 100, written_at: int = START_OF_TODAY) -> Partition:
    return Partition.of(table, name, rows=1, size=size, written_at=written_at)


def gone(
    partitions: list[Partition], retention: Retention, *, quiet_since: int = START_OF_TODAY
) -> list[tuple[str, str, str]]:
    taken = sum(one.bytes for one in partitions)
    quiet = datetime.fromtimestamp(quiet_since, UTC)
    found = due(partitions, retention, store_bytes=taken, today=TODAY, quiet_since=quiet)
    return [(one.partition.table, one.partition.name, one.reason) for one in found]


def test_a_partition_has_the_days_its_name_says() -> None:
    partitions = [part("spans", "20261231"), part("charges", "202612"), part("charges", "202702")]

    assert [(one.first, one.end) for one in partitions] == [
        (date(2026, 12, 31), date(2027, 1, 1)),
        (date(2026, 12, 1), date(2027, 1, 1)),
        (date(2027, 2, 1), date(2027, 3, 1)),
    ]


def test_without_a_limit_everything_stays() -> None:
    assert gone([part(table, "19700101") for table in ("spans", "counters")], Retention()) == []


@pytest.mark.parametrize(("days", "names"), [(1, DAYS[:3]), (2, DAYS[:2]), (19, DAYS[:2]), (20, DAYS[:1]), (21, [])])
def test_a_day_goes_when_all_of_it_is_older_than_the_limit(days: int, names: list[str]) -> None:
    partitions = [part("spans", name) for name in DAYS]

    assert gone(partitions, Retention(span_days=days)) == [("spans", name, "age") for name in names]


def test_counters_go_with_spans_and_duplicates_with_charges() -> None:
    partitions = [
        *(part(table, "20261001") for table in ("spans", "counters")),
        *(part(table, month) for table in ("charges", "duplicates") for month in ("202606", "202607")),
    ]

    assert gone(partitions, Retention(span_days=30, charge_days=113)) == [
        ("spans", "20261001", "age"),
        ("counters", "20261001", "age"),
        ("charges", "202606", "age"),
        ("charges", "202607", "age"),
        ("duplicates", "202606", "age"),
        ("duplicates", "202607", "age"),
    ]
    assert gone(partitions[2:4], Retention(span_days=30, charge_days=114)) == [("charges", "202606", "age")]
    assert gone(partitions[2:], Retention(span_days=30)) == []


def test_rollups_go_with_charges_and_the_totals_never() -> None:
    tables = ("charge_sums", "span_sums", "span_totals_by_day", "ledger_totals", "span_totals")
    partitions = [part(table, "202606") for table in tables]

    assert gone(partitions, Retention(span_days=1, charge_days=30)) == [
        ("charge_sums", "202606", "age"),
        ("span_sums", "202606", "age"),
        ("span_totals_by_day", "202606", "age"),
    ]


def test_a_day_that_is_still_written_to_stays() -> None:
    partitions = [part("spans", "20261001", written_at=100), part("spans", "20261002", written_at=101)]

    assert gone(partitions, Retention(span_days=1), quiet_since=100) == [("spans", "20261001", "age")]


@pytest.mark.parametrize(("most", "names"), [(800, []), (799, DAYS[:1]), (650, DAYS[:2]), (1, DAYS[:3])])
def test_over_the_size_the_oldest_days_of_spans_go_but_neither_yesterday_nor_the_ledger(
    most: int, names: list[str]
) -> None:
    partitions = [
        part("charges", "202601"),
        part("counters", "20260101"),
        *(part("spans", name) for name in DAYS[::-1]),
    ]

    assert gone(partitions, Retention(most_bytes=most)) == [("spans", name, "size") for name in names]


def test_what_goes_by_age_counts_for_the_size() -> None:
    partitions = [part("spans", "20261001", size=500), part("spans", "20261119"), part("spans", "20261120")]
    both = Retention(span_days=30, most_bytes=150)

    assert due(partitions, both, store_bytes=700, today=TODAY, quiet_since=partitions[0].written_at) == [
        Due(partitions[0], "age"),
        Due(partitions[1], "size"),
    ]
