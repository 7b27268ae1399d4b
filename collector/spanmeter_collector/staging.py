"""Staging: the engine reads a batch of spans itself, as far as their rows take no more than places in spans.

Its protobuf reader takes a fifth of Python's time. Python reads one span of each shape, and tells the engine what is
where in the others; of calls it reads the numbers. Spans that hold nested values, events or usage in objects are left
to `row.read_span`.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from string import Template
from struct import Struct
from tempfile import NamedTemporaryFile
from typing import Any, Final

from spanmeter_collector.bundle import Bundle, open_span, write_sheet
from spanmeter_collector.otlp import LAST_NANOSECOND
from spanmeter_collector.reading import Reading
from spanmeter_collector.row import Row, SpanKey, counts_of
from spanmeter_collector.shape import DECIDING, Shape, ShapeRow
from spanmeter_collector.statement import read_sql

_SCHEMA: Final = Path(__file__).with_name("sql") / "sheet.proto"
_KEY: Final = Struct("<16s8s?qq")
_MEASURED: Final = Struct("<IQQQQQ")
_numbers: Final = itemgetter(slice(Row._fields.index("input_tokens"), Row._fields.index("first_chunk_ns") + 1))
_WORDS: Final = slice(Row._fields.index("framework"), Row._fields.index("team") + 1)
_ERROR_TYPE: Final = Row._fields.index("error_type")
_MOST_SHAPES: Final = 4096
_MOST_NEW_SHAPES: Final = 512


@dataclass(frozen=True, slots=True)
class Staged:
    """A batch of spans that the engine has read.

    Of all spans in their order: `keys`, whether each is `telling` and so left to Python, and when it starts and ends.
    `measured` are, by number, those that tell of calls or of anything counted; the engine has the rest of their rows.
    """

    keys: Sequence[SpanKey]
    telling: Sequence[bool]
    starts: Sequence[int]
    ends: Sequence[int]
    measured: Mapping[int, tuple[Row, Reading]]


@dataclass(frozen=True, slots=True)
class Kept:
    """Of a staged batch, what is to be stored: the spans of `keys`, all but those with the numbers in `left_out`.

    `measured` are rows by number, of which the numbers from `input_tokens` to `first_chunk_ns` are stored.
    """

    keys: Sequence[SpanKey]
    left_out: Collection[int] = ()
    measured: Mapping[int, Row] = field(default_factory=dict)


class Staging:
    """Tables `staged` and `shapes` of one database of the embedded engine; one batch at a time."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401  a client of clickhouse-connect
        self._client = client
        self._shapes: dict[int, Shape] = {}
        self._known = 0
        self._seed = secrets.randbits(64)
        for statement in read_sql("staged").split(";\n"):
            client.command(statement)

    def read(self, bundles: Sequence[Bundle], *, closed: Collection[int], content: bool) -> Staged:
        """Read a batch in the place of the one before; spans of `closed` days are left to Python.

        `content` says whether what was said, asked and retrieved is to be stored.

        Raises:
            clickhouse_connect.driver.exceptions.DatabaseError: the engine cannot read it.
        """
        self._client.command("TRUNCATE TABLE staged")
        with NamedTemporaryFile(prefix="spanmeter-", suffix=".sheets") as file:
            for bundle in bundles:
                write_sheet(bundle, file)
            file.flush()
            parameters = {
                "sheets": file.name,
                "schema": str(_SCHEMA),
                "closed": sorted(closed),
                "last": LAST_NANOSECOND,
                "seed": self._seed,
                "deciding": sorted(DECIDING),
            }
            self._client.command(read_sql("stage"), parameters=parameters)
        self._learn(bundles, content=content)
        raw = self._client.raw_query(read_sql("staged_keys"), fmt="RowBinary")
        traces, spans, telling, starts, ends = zip(*_KEY.iter_unpack(raw), strict=True) if raw else ((),) * 5
        return Staged(
            keys=[*zip(traces, spans, strict=True)],
            telling=telling,
            starts=starts,
            ends=ends,
            measured=self._measured(),
        )

    def store(self, kept: Kept, *, settings: Mapping[str, object]) -> None:
        """Store what was read last and is not left to Python."""
        said = ", ".join(f"{name} = {value!r}" for name, value in settings.items())
        sql = Template(read_sql("store_staged")).substitute(settings=said)
        with NamedTemporaryFile(prefix="spanmeter-", suffix=".measured") as file:
            file.write(b"".join(_MEASURED.pack(number, *_numbers(row)) for number, row in kept.measured.items()))
            file.flush()
            self._client.command(sql, parameters={"left_out": sorted(kept.left_out), "measured": file.name})

    def _learn(self, bundles: Sequence[Bundle], *, content: bool) -> None:
        """Tell the engine of the shapes that it met for the first time; where they are too many, to leave the rest."""
        if self._known > _MOST_SHAPES:
            self._client.command("TRUNCATE TABLE shapes")
            self._shapes.clear()
            self._known = 0
        new = self._client.query(read_sql("staged_shapes")).result_rows
        if not new:
            return
        places = [(bundle, span) for bundle in bundles for span in bundle.spans]
        rows = [self._learned(shape, *places[example], content=content) for shape, example in new[:_MOST_NEW_SHAPES]]
        rows += [ShapeRow(shape) for shape, _ in new[_MOST_NEW_SHAPES:]]
        self._client.insert("shapes", rows, column_names=ShapeRow._fields)
        self._known += len(rows)

    def _learned(self, number: int, bundle: Bundle, closed: bytes, *, content: bool) -> ShapeRow:
        span, known = open_span(closed)
        is_clear = len(known) == len(span.attributes)
        shape = Shape.of(known, scope=bundle.scope, content=content) if is_clear else None
        if shape is None:
            return ShapeRow(number)
        self._shapes[number] = shape
        return shape.row(number, known)

    def _measured(self) -> dict[int, tuple[Row, Reading]]:
        found = self._client.query(read_sql("staged_measured")).result_columns
        if not found:
            return {}
        numbers, shapes, said, *told = found
        return dict(map(self._measure, numbers, shapes, said, zip(*told, strict=True)))

    def _measure(
        self, number: int, shape: int, said: Sequence[str], told: tuple[Any, ...]
    ) -> tuple[int, tuple[Row, Reading]]:
        reading = self._shapes[shape].reading(told[_WORDS], told[_ERROR_TYPE], said)
        return number, (Row._make((*told, *counts_of(reading), reading.first_chunk_ns, {}, {}, "[]")), reading)
