"""Staging: the engine reads a batch of spans itself, as far as their rows take no more than places in spans.

Its protobuf reader takes a fifth of Python's time. Python reads one span of each shape, and tells the engine what is
where in the others. Of calls whose counts alone decide what they cost it tells the engine the prices, too; of other
calls it reads the numbers. Spans that hold nested values, events or usage in objects are left to `row.read_span`.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from string import Template
from struct import Struct
from tempfile import NamedTemporaryFile
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spanmeter.pricing import PriceBook
from spanmeter_collector.bundle import Bundle, open_span, write_sheet
from spanmeter_collector.otlp import LAST_NANOSECOND
from spanmeter_collector.price_row import BUCKETS, TOKENS, PriceRow
from spanmeter_collector.reading import Reading
from spanmeter_collector.row import Row, counts_of
from spanmeter_collector.shape import DECIDING, Shape, ShapeRow
from spanmeter_collector.staged import SPAN, Billing, Kept, Mask, Staged
from spanmeter_collector.statement import read_sql

_SCHEMA: Final = Path(__file__).with_name("sql") / "sheet.proto"
_MEASURED: Final = Struct("<IQQQQQ")
_numbers: Final = itemgetter(slice(Row._fields.index("input_tokens"), Row._fields.index("first_chunk_ns") + 1))
_WORDS: Final = slice(Row._fields.index("framework"), Row._fields.index("team") + 1)
_ERROR_TYPE: Final = Row._fields.index("error_type")
_MOST_SHAPES: Final = 4096
_MOST_NEW_SHAPES: Final = 512
_MOST_PRICES: Final = 16_384
_DAY_NS: Final = 86_400_000_000_000


class Staging:
    """Tables `staged`, `shapes` and `prices` of one database of the embedded engine; one batch at a time."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401  a client of clickhouse-connect
        self._client = client
        self._shapes: dict[int, Shape] = {}
        self._known = 0
        self._tells_of_caches = False
        self._book: PriceBook | None = None
        self._priced: dict[tuple[int, int], bool] = {}
        self._seed = secrets.randbits(64)
        for statement in read_sql("staged").split(";\n"):
            client.command(statement)

    def read(self, bundles: Sequence[Bundle], book: PriceBook, *, closed: Collection[int], content: bool) -> Staged:
        """Read a batch in the place of the one before; spans of `closed` days are left to Python.

        `book` prices its calls. `content` says whether what was said, asked and retrieved is to be stored.

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
        spans = np.frombuffer(self._client.raw_query(read_sql("staged_keys"), fmt="RowBinary") or b"", SPAN)
        billed = self._billed(spans, book)
        to_measure = (spans["measured"] | spans["counted"]) & ~spans["telling"] & ~billed
        return Staged(spans, billed, self._measured(to_measure))

    def store(self, kept: Kept, *, settings: Mapping[str, object]) -> None:
        """Store what was read last and is not left to Python."""
        measured = b"".join(_MEASURED.pack(number, *_numbers(row)) for number, row in kept.measured.items())
        with _file(measured) as name:
            parameters = {"left_out": sorted(kept.left_out), "measured": name}
            self._client.command(_with_settings("store_staged", settings), parameters=parameters)

    def cache(self, kept: Kept, *, settings: Mapping[str, object]) -> None:
        """Store what the spans that were read last tell of requests to caches."""
        if self._tells_of_caches:
            parameters = {"left_out": sorted(kept.left_out)}
            self._client.command(_with_settings("cache_staged", settings), parameters=parameters)

    def bill(self, billing: Billing, *, settings: Mapping[str, object]) -> None:
        """Charge calls that were read last, at the prices of the book they were read with."""
        about = {
            "recorded_at": billing.recorded_at,
            "version": billing.version,
            "buckets": [*BUCKETS],
            "tokens": TOKENS,
        }
        with _file(billing.numbers) as name:
            self._client.command(_with_settings("bill_staged", settings), parameters={**about, "numbers": name})

    def _billed(self, spans: NDArray[Any], book: PriceBook) -> Mask:
        """The calls that the engine can bill: counted ones whose prices only their shape and day decide."""
        if book is not self._book or len(self._priced) > _MOST_PRICES:
            self._client.command("TRUNCATE TABLE prices")
            self._priced.clear()
            self._book = book
        billed: Mask = spans["counted"] & ~spans["telling"]
        if book.listing.has_tenants:
            billed &= ~spans["has_tenant"]
        days = spans["end"] // _DAY_NS
        found = {*zip(spans["shape"][billed].tolist(), days[billed].tolist(), strict=True)}
        self._price(found - self._priced.keys(), book)
        for shape, day in found:
            if not self._priced[shape, day]:
                billed &= (spans["shape"] != shape) | (days != day)
        return billed

    def _price(self, asked: Collection[tuple[int, int]], book: PriceBook) -> None:
        """Tell the engine what the tokens of shapes' calls cost on days; and note for which it takes more than that."""
        found = {(number, day): _price_row(self._shapes[number], book, number, day) for number, day in asked}
        if rows := [row for row in found.values() if row is not None]:
            self._client.insert("prices", rows, column_names=PriceRow._fields)
        self._priced |= {one: row is not None for one, row in found.items()}

    def _learn(self, bundles: Sequence[Bundle], *, content: bool) -> None:
        """Tell the engine of the shapes that it met for the first time; where they are too many, to leave the rest."""
        if self._known > _MOST_SHAPES:
            self._client.command("TRUNCATE TABLE shapes")
            self._shapes.clear()
            self._known = 0
            self._tells_of_caches = False
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
        self._tells_of_caches |= shape.tells_of_caches
        return shape.row(number, known)

    def _measured(self, which: Mask) -> dict[int, tuple[Row, Reading]]:
        if not which.any():
            return {}
        with _file(np.flatnonzero(which).astype("<u4").tobytes()) as name:
            found = self._client.query(read_sql("staged_measured"), parameters={"numbers": name}).result_columns
        numbers, shapes, said, *told = found
        return dict(map(self._measure, numbers, shapes, said, zip(*told, strict=True)))

    def _measure(
        self, number: int, shape: int, said: Sequence[str], told: tuple[Any, ...]
    ) -> tuple[int, tuple[Row, Reading]]:
        reading = self._shapes[shape].reading(told[_WORDS], told[_ERROR_TYPE], said)
        return number, (Row._make((*told, *counts_of(reading), reading.first_chunk_ns, {}, {}, "[]")), reading)


def _price_row(shape: Shape, book: PriceBook, number: int, day: int) -> PriceRow | None:
    return PriceRow.of(book, shape.price_key, shape=number, day=day, estimated=shape.example.estimated)


@contextmanager
def _file(content: bytes) -> Iterator[str]:
    """A file for the engine to read, by its name."""
    with NamedTemporaryFile(prefix="spanmeter-", suffix=".rows") as file:
        file.write(content)
        file.flush()
        yield file.name


def _with_settings(name: str, settings: Mapping[str, object]) -> str:
    said = ", ".join(f"{setting} = {value!r}" for setting, value in settings.items())
    return Template(read_sql(name)).substitute(settings=said)
