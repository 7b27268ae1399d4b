"""The file a bill comes in: which provider's export it is, and its lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any, Final

from spanmeter_collector.reconcile import anthropic, openai
from spanmeter_collector.reconcile.line import (
    Line,
    Record,
    Statement,
    Unread,
    UnreadLineError,
    day_of,
    is_shifted,
)

_MOST_TEXT: Final = 100
_MORE: Final = "the page says has_more: fetch the next pages too, and give all of them"
_SHIFTED: Final = "its days do not start at midnight UTC, and those of the ledger do: put the export's time zone to UTC"


class BillFileError(Exception):
    """A file cannot be read, or is none of the bills that are known; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Format:
    """An export of a provider, known by the fields it has; `read` makes lines of one record."""

    kind: str
    provider: str
    fields: frozenset[str]
    read: Callable[[Record], Iterator[Line]]
    rounded: bool = False


FORMATS: Final = (
    Format(
        "OpenAI usage", "openai", frozenset({"start_time", "num_model_requests", "input_tokens"}), openai.read_usage
    ),
    Format("OpenAI costs", "openai", frozenset({"start_time", "amount_value", "amount_currency"}), openai.read_cost),
    Format("OpenAI costs", "openai", frozenset({"start_time", "amount"}), openai.read_cost),
    Format(
        "Anthropic usage report",
        "anthropic",
        frozenset({"starting_at", "uncached_input_tokens", "output_tokens"}),
        anthropic.read_usage,
    ),
    Format("Anthropic cost report", "anthropic", frozenset({"starting_at", "amount", "currency"}), anthropic.read_cost),
    Format(
        "Anthropic usage export",
        "anthropic",
        frozenset({"usage_date_utc", "model_version", "usage_input_tokens_no_cache", "usage_output_tokens"}),
        anthropic.read_usage_row,
    ),
    Format(
        "Anthropic cost export",
        "anthropic",
        frozenset({"usage_date_utc", "model", "token_type", "cost_usd"}),
        anthropic.read_cost_row,
        rounded=True,
    ),
)
EXPECTED: Final = (
    "expected one of: OpenAI's costs (amount, line_item) or usage (num_model_requests, input_tokens), "
    "Anthropic's usage report (uncached_input_tokens) or cost report (amount, currency), as JSON pages of the API, "
    "or the CSV that the provider's dashboard exports (start_time, amount_value; usage_date_utc, cost_usd)"
)


def read_file(path: Path) -> Statement:
    """What a bill's file says; a file may hold several pages, one behind the other or in a list.

    Raises:
        BillFileError: It cannot be read, is no JSON or CSV, or no bill that is known.
    """
    try:
        told = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BillFileError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BillFileError(f"{path} is no text in UTF-8; {EXPECTED}") from None
    records, notes = _json_records(told, path) if told.lstrip()[:1] in {"{", "["} else (_rows(told), [])
    return _statement(path, records, notes)


def _json_records(told: str, path: Path) -> tuple[list[Record], list[str]]:
    """The results of every page, each with the times of its bucket; an empty bucket is a record of times only."""
    pages = [page for value in _values(told, path) for page in (value if isinstance(value, list) else [value])]
    if not all(isinstance(page, dict) and isinstance(page.get("data"), list) for page in pages):
        raise BillFileError(f"{path} holds JSON without the pages of a bill; {EXPECTED}")
    records: list[Record] = []
    for bucket in (bucket for page in pages for bucket in page["data"]):
        if not isinstance(bucket, dict):
            raise BillFileError(f"{path} holds a bucket that is no object; {EXPECTED}")
        results = bucket.get("results", bucket.get("result")) or [{}]
        times = {name: value for name, value in bucket.items() if name not in {"object", "results", "result"}}
        records += [times | result if isinstance(result, dict) else {"unread": result} for result in results]
    return records, [_MORE] if pages and pages[-1].get("has_more") else []


def _values(told: str, path: Path) -> Iterator[Any]:
    decoder = json.JSONDecoder(parse_float=Decimal)
    at = 0
    while rest := told[at:].lstrip():
        at = len(told) - len(rest)
        try:
            value, at = decoder.raw_decode(told, at)
        except (ValueError, ArithmeticError, RecursionError) as error:
            raise BillFileError(f"{path} is no JSON: {error}") from None
        yield value


def _rows(told: str) -> list[Record]:
    """Rows of a file with commas, semicolons or tabs between columns."""
    heading = told.partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    rows = csv.DictReader(StringIO(told), delimiter=delimiter, restkey="unread")
    return [{(name or "").strip().lower(): value for name, value in row.items()} for row in rows]


def _statement(path: Path, records: Sequence[Record], notes: Sequence[str]) -> Statement:
    known = _format(path, records)
    reading = _Reading(known)
    for number, record in enumerate(records, start=1):
        reading.add(number, record)
    return Statement(
        file=str(path),
        kind=known.kind,
        provider=known.provider,
        days=sorted(reading.days),
        lines=reading.lines,
        records=len(records),
        empty=reading.empty,
        unread=reading.unread,
        notes=[*notes, *([_SHIFTED] if reading.shifted else [])],
        rounded=known.rounded,
    )


def _format(path: Path, records: Sequence[Record]) -> Format:
    fields = {name for record in records for name in record}
    for known in FORMATS:
        if known.fields <= fields:
            return known
    if records and fields <= {"start_time", "end_time", "starting_at", "ending_at", "start_time_iso", "end_time_iso"}:
        raise BillFileError(f"{path} holds periods without a single result, so there is nothing to compare")
    seen = ", ".join(sorted(fields)[:20]) or "nothing"
    raise BillFileError(f"{path} is no bill that is known: it has {seen}; {EXPECTED}")


def _day(record: Record) -> date:
    if record.get("unread"):
        raise UnreadLineError("it has more columns than the heading, or is no object")
    return day_of(record)


@dataclass(slots=True)
class _Reading:
    """Collects what records say."""

    format: Format
    lines: list[Line] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    days: set[date] = field(default_factory=set)
    empty: int = 0
    shifted: bool = False

    def add(self, number: int, record: Record) -> None:
        """Read one record whole or not at all."""
        try:
            day = _day(record)
            read = list(self.format.read(record))
            self.shifted |= is_shifted(record)
        except UnreadLineError as error:
            said = json.dumps({name: value for name, value in record.items() if value}, default=str)
            self.unread.append(Unread(number, said[:_MOST_TEXT], str(error)))
            return
        self.days.add(day)
        self.lines += read
        self.empty += not read
