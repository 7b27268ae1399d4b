"""Staging: the engine reads a batch of spans itself, as far as their rows take no more than the spans say by key.

Most spans are steps of chains and graphs: their row is ids, times, a few names and a map of attributes, and the engine
makes it from the bytes that came in for a fifth of what Python takes. Which spans tell more, of calls, usage, prices
or in nested values, is told by their keys; those are left to `row.read_span`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from struct import Struct
from tempfile import NamedTemporaryFile
from typing import IO, Any, Final

from spanmeter import semconv
from spanmeter_collector.bundle import Bundle, write_sheet
from spanmeter_collector.content import is_content
from spanmeter_collector.otlp import LAST_NANOSECOND
from spanmeter_collector.raw_usage import RAW_USAGE_KEYS
from spanmeter_collector.reading import LANGSMITH_COMPLETION, MARK_KEYS, framework_of
from spanmeter_collector.row import LANGFUSE_RUN, SpanKey
from spanmeter_collector.statement import read_sql
from spanmeter_collector.vocabulary import COUNT_KEYS, OPERATION_KEYS, OPERATION_NAMES, TEXT_KEYS

_SCHEMA: Final = Path(__file__).with_name("sql") / "sheet.proto"
_KEY: Final = Struct("<16s8s?qq")
_COLUMNS: Final = ("error_type", "framework", "user", "session", "tenant", "feature", "team")
_FIRST_COLUMN, _FREE, _NAMED, _OUTCOME, _TELLING = 1, 10, 20, 40, 99


@dataclass(frozen=True, slots=True)
class Staged:
    """A batch of spans that the engine has read.

    Of all spans in their order: `keys`, whether each is `telling` and so left to Python, and when it starts and ends.
    Of the others, `content` are the keys of attributes that are not to be stored.
    """

    keys: Sequence[SpanKey]
    telling: Sequence[bool]
    starts: Sequence[int]
    ends: Sequence[int]
    content: Collection[str]


@dataclass(frozen=True, slots=True)
class Kept:
    """Of a staged batch, what is to be stored: the spans of `keys`, all but those with the numbers in `left_out`.

    They are stored without their attributes of the keys in `content`.
    """

    keys: Sequence[SpanKey]
    left_out: Collection[int] = ()
    content: Collection[str] = ()


class Staging:
    """Table `staged` of one database of the embedded engine; one batch at a time."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401  a client of clickhouse-connect
        self._client = client
        client.command(read_sql("staged"))

    def read(self, bundles: Sequence[Bundle], *, closed: Collection[int], content: bool) -> Staged:
        """Read a batch in the place of the one before; spans of `closed` days are left to Python.

        `content` says whether what was said, asked and retrieved is to be stored.

        Raises:
            clickhouse_connect.driver.exceptions.DatabaseError: the engine cannot read it.
        """
        self._client.command("TRUNCATE TABLE staged")
        with NamedTemporaryFile(prefix="spanmeter-", suffix=".sheets") as file:
            for bundle in bundles:
                _write(bundle, file)
            file.flush()
            parameters = {
                "sheets": file.name,
                "schema": str(_SCHEMA),
                "closed": sorted(closed),
                "last": LAST_NANOSECOND,
                **_VOCABULARY,
            }
            self._client.command(read_sql("stage"), parameters=parameters)
        raw = self._client.raw_query(read_sql("staged_keys"), fmt="RowBinary")
        traces, spans, telling, starts, ends = zip(*_KEY.iter_unpack(raw), strict=True) if raw else ((),) * 5
        return Staged(
            keys=list(zip(traces, spans, strict=True)),
            telling=telling,
            starts=starts,
            ends=ends,
            content=[] if content else self._content(),
        )

    def store(self, kept: Kept, *, settings: Mapping[str, object]) -> None:
        """Store what was read last and is not left to Python."""
        attributes = "mapFilter((key, said) -> key NOT IN {content:Array(String)}, attributes)"
        sql = Template(read_sql("store_staged")).substitute(attributes=attributes if kept.content else "attributes")
        parameters = {"left_out": sorted(kept.left_out), "content": sorted(kept.content)}
        self._client.command(sql, parameters=parameters, settings={**settings, "max_threads": 1})

    def _content(self) -> list[str]:
        (names,) = self._client.query(read_sql("staged_names")).result_rows[0]
        return [name for name in names if is_content(name)]


def _write(bundle: Bundle, file: IO[bytes]) -> None:
    write_sheet(
        bundle,
        file,
        framework=framework_of(bundle.scope),
        service=bundle.resource.get(semconv.SERVICE_NAME, ""),
        instance=bundle.resource.get(semconv.SERVICE_INSTANCE_ID, ""),
    )


def _slots() -> dict[str, int]:
    """By key, what an attribute is to the row, in the numbers of `sql/stage.sql`."""
    told = [key for name, keys in TEXT_KEYS.items() if name not in _COLUMNS for key in keys]
    counts = [key for keys in COUNT_KEYS.values() for key in keys]
    others = (*RAW_USAGE_KEYS, *MARK_KEYS, semconv.USAGE_PARTS, LANGFUSE_RUN, LANGSMITH_COMPLETION)
    telling = dict.fromkeys((*told, *counts, *others), _TELLING)
    columns = {key: place for place, name in enumerate(_COLUMNS, start=_FIRST_COLUMN) for key in TEXT_KEYS[name]}
    operations = {
        key: (_FREE if names is None else _NAMED) + place for place, (key, names) in enumerate(OPERATION_KEYS.items())
    }
    return telling | columns | operations | dict.fromkeys(TEXT_KEYS["outcome"], _OUTCOME)


def _operations() -> dict[str, str]:
    """By key and name, in one text, which operation is meant; what Python is to say is a question mark."""
    free = {f"{key}={said}": "?" for key, names in OPERATION_KEYS.items() if names is None for said in OPERATION_NAMES}
    named = {f"{key}={said}": meant for key, names in OPERATION_KEYS.items() for said, meant in (names or {}).items()}
    return free | named


def _vocabulary() -> dict[str, object]:
    slots, operations = _slots(), _operations()
    return {
        "keys": [*slots],
        "slots": [*slots.values()],
        "operations_said": [*operations],
        "operations": [*operations.values()],
        "calls": sorted(semconv.CALL_OPERATIONS),
    }


_VOCABULARY: Final = _vocabulary()
