from __future__ import annotations

import pytest

from spanmeter_collector.layout import Layout
from spanmeter_collector.rollup import rollups_sql
from spanmeter_collector.statement import read_sql

SCHEMA = """-- Spans; one a row.
CREATE TABLE IF NOT EXISTS spans (
    trace_id FixedString(16),  -- of the trace
) ENGINE = MergeTree
ORDER BY trace_id
SETTINGS non_replicated_deduplication_window = 10;

ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS name String;

ALTER TABLE spans ADD INDEX IF NOT EXISTS names name TYPE minmax;

CREATE TABLE IF NOT EXISTS sums (
    time DateTime
) ENGINE = SummingMergeTree(n)
ORDER BY time;

DROP VIEW IF EXISTS old_view;

CREATE MATERIALIZED VIEW IF NOT EXISTS sums_view TO sums AS
SELECT extract(name, 'x') FROM spans
"""
PLACE = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
ON_CLUSTER = [
    (
        "CREATE TABLE IF NOT EXISTS spans_local ON CLUSTER 'c' (\n    trace_id FixedString(16),  \n) "
        f"ENGINE = ReplicatedMergeTree({PLACE})\nORDER BY trace_id\n"
        "SETTINGS non_replicated_deduplication_window = 10, "
        "replicated_deduplication_window = 10, replicated_deduplication_window_seconds = 604800"
    ),
    (
        "CREATE TABLE IF NOT EXISTS spans ON CLUSTER 'c' AS spans_local "
        "ENGINE = Distributed('c', 'db', 'spans_local', cityHash64(trace_id))"
    ),
    "ALTER TABLE spans_local ON CLUSTER 'c' ADD COLUMN IF NOT EXISTS name String",
    "ALTER TABLE spans ON CLUSTER 'c' ADD COLUMN IF NOT EXISTS name String",
    "ALTER TABLE spans_local ON CLUSTER 'c' ADD INDEX IF NOT EXISTS names name TYPE minmax",
    (
        "CREATE TABLE IF NOT EXISTS sums_local ON CLUSTER 'c' (\n    time DateTime\n) "
        f"ENGINE = ReplicatedSummingMergeTree({PLACE}, n)\nORDER BY time"
    ),
    "CREATE TABLE IF NOT EXISTS sums ON CLUSTER 'c' AS sums_local ENGINE = Distributed('c', 'db', 'sums_local', 1)",
    "DROP VIEW IF EXISTS old_view ON CLUSTER 'c'",
    (
        "CREATE MATERIALIZED VIEW IF NOT EXISTS sums_view ON CLUSTER 'c' TO sums_local AS\n"
        "SELECT extract(name, 'x') FROM spans_local AS spans"
    ),
]


@pytest.mark.parametrize(
    ("url", "layout"),
    [
        ("chdb:///data/store?database=x&cluster=c", Layout("")),
        ("clickhouse://ada:secret@db:8123", Layout("default")),
        ("clickhouse://db/spanmeter?cluster=c&compress=zstd", Layout("spanmeter", "c")),
    ],
)
def test_the_address_of_the_store_says_how_the_tables_lie(url: str, layout: Layout) -> None:
    assert Layout.of(url) == layout


def test_on_a_cluster_tables_are_replicated_and_distributed_and_views_stay_on_their_shard() -> None:
    assert list(Layout("db", "c").statements(SCHEMA)) == ON_CLUSTER


def test_in_one_place_the_schema_stays_as_it_is() -> None:
    assert ";\n".join(Layout("db").statements(SCHEMA)) == SCHEMA.strip().replace(";\n\n", ";\n")


def test_a_partition_is_altered_where_it_lies() -> None:
    assert (Layout("db").altered("spans"), Layout("db", "c").altered("spans")) == (
        "spans",
        "spans_local ON CLUSTER 'c'",
    )


def test_every_statement_of_ours_names_the_cluster() -> None:
    statements = list(Layout("db", "c").statements(f"{read_sql('schema')};\n{rollups_sql()}"))

    assert [text for text in statements if "ON CLUSTER 'c'" not in text] == []


def test_a_statement_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="no cluster can be given this statement of the schema: DROP TABLE spans"):
        list(Layout("db", "c").statements("DROP TABLE spans"))
