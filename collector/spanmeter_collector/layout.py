"""The layout of the tables: each in one place, or over the shards and replicas of a ClickHouse cluster.

`schema.sql` names tables, engines and views as on one server. On a cluster a table `spans` is a replicated
`spans_local` on every node, where the views read and write, and a Distributed `spans` before them, which is what all
questions and inserts name. What belongs to a trace is on one shard.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

CLUSTER_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_TABLE: Final = re.compile(
    r"CREATE TABLE IF NOT EXISTS (?P<table>\w+) (?P<columns>\(.*\n\)) "
    r"ENGINE = (?P<engine>\w+)(?:\((?P<arguments>[^)]*)\))?(?P<rest>.*)",
    re.DOTALL,
)
_VIEW: Final = re.compile(r"(CREATE MATERIALIZED VIEW IF NOT EXISTS \w+)\s+TO (\w+)")
_DROP: Final = re.compile(r"DROP VIEW IF EXISTS \w+")
_ALTER: Final = re.compile(r"ALTER TABLE (\w+)\s+(.*)", re.DOTALL)
_FROM: Final = re.compile(r"\bFROM (\w+)\b(?!\s*\()(\s+AS \w+)?")
_COMMENT: Final = re.compile(r"--[^\n]*")
_WINDOW: Final = re.compile(r"non_replicated_deduplication_window = (\d+)")
_REPLICATED_WINDOW: Final = (
    r"\g<0>, replicated_deduplication_window = \1, replicated_deduplication_window_seconds = 604800"
)
_PLACE: Final = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
_KEYS: Final = {"trace_id": "cityHash64(trace_id)", "instance": "cityHash64(service, instance)"}
_ELSEWHERE: Final = "1"
"""What has neither a trace nor an instance and is not written by views lies on the first shard."""
_STORED_ONLY: Final = ("MODIFY SETTING", "MODIFY COLUMN", "ADD INDEX")
"""What is said of the tables that hold rows, and not of those before them."""
_ON_CLUSTER_SETTINGS: Final[Mapping[str, object]] = {
    "distributed_foreground_insert": 1,
    "distributed_product_mode": "global",
    "load_balancing": "in_order",
    "prefer_localhost_replica": 0,
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the tables of a database lie; without the name of a cluster, in one place."""

    database: str
    cluster: str = ""

    @classmethod
    def of(cls, url: str) -> Self:
        """The layout that the address of a store asks for: `…/database?cluster=name`, or without."""
        parts = urlsplit(url)
        if parts.scheme != "clickhouse":
            return cls("")
        return cls(parts.path.strip("/") or "default", parse_qs(parts.query).get("cluster", [""])[0])

    @property
    def settings(self) -> Mapping[str, object]:
        """What every statement has to be run with.

        An insert returns when the shards have the rows, and questions go to the replica that inserts went to, so that
        what was stored is found at once.
        """
        return _ON_CLUSTER_SETTINGS if self.cluster else {}

    @property
    def parts(self) -> str:
        """The table that tells of all parts, one replica of each shard."""
        return f"cluster('{self.cluster}', system.parts)" if self.cluster else "system.parts"

    def altered(self, table: str) -> str:
        """What a statement has to name that alters a table or its partitions."""
        return f"{self.stored(table)} ON CLUSTER '{self.cluster}'" if self.cluster else table

    def stored(self, table: str) -> str:
        """The table that holds the rows of `table`."""
        return f"{table}_local" if self.cluster else table

    def statements(self, schema: str) -> Iterator[str]:
        """The statements that make the tables and views of a schema."""
        statements = [text.strip() for text in schema.split(";\n") if _COMMENT.sub("", text).strip()]
        if not self.cluster:
            yield from statements
            return
        bare = [_COMMENT.sub("", text).strip() for text in statements]
        tables = frozenset(found["table"] for text in bare if (found := _TABLE.fullmatch(text)))
        for text in bare:
            if text.startswith("INSERT"):  # fills a new table from what is stored; a cluster begins with all tables
                continue
            yield from self._spread(text, tables)

    def _spread(self, text: str, tables: frozenset[str]) -> Iterator[str]:
        if found := _TABLE.fullmatch(text):
            yield from self._table(**found.groupdict())
        elif view := _VIEW.match(text):
            select = _FROM.sub(lambda source: _local(source, tables), text[view.end() :])
            yield f"{view[1]} ON CLUSTER '{self.cluster}' TO {view[2]}_local{select}"
        elif _DROP.fullmatch(text):
            yield f"{text} ON CLUSTER '{self.cluster}'"
        elif (found := _ALTER.fullmatch(text)) and found[1] in tables:
            yield f"ALTER TABLE {self.altered(found[1])} {found[2]}"
            if not found[2].startswith(_STORED_ONLY):
                yield f"ALTER TABLE {found[1]} ON CLUSTER '{self.cluster}' {found[2]}"
        else:
            raise ValueError(f"no cluster can be given this statement of the schema: {text}")

    def _table(self, table: str, columns: str, engine: str, arguments: str | None, rest: str) -> Iterator[str]:
        if engine.endswith("MergeTree"):
            engine = f"Replicated{engine}({_PLACE}{f', {arguments}' if arguments else ''})"
        rest = _WINDOW.sub(_REPLICATED_WINDOW, rest)
        yield f"CREATE TABLE IF NOT EXISTS {self.altered(table)} {columns} ENGINE = {engine}{rest}"
        key = next((key for column, key in _KEYS.items() if re.search(rf"\n\s+{column}\s", columns)), _ELSEWHERE)
        spread = f"Distributed('{self.cluster}', '{self.database}', '{table}_local', {key})"
        yield f"CREATE TABLE IF NOT EXISTS {table} ON CLUSTER '{self.cluster}' AS {table}_local ENGINE = {spread}"


def _local(source: re.Match[str], tables: frozenset[str]) -> str:
    if source[1] not in tables:
        return source[0]
    return f"FROM {source[1]}_local{source[2] or f' AS {source[1]}'}"
