"""Exports: the ledger as a file, in pieces, so that it may be of any size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from spanmeter_collector.charge import Charge
from spanmeter_collector.clauses import filtered
from spanmeter_collector.cost import answer_cost
from spanmeter_collector.focus import COLUMNS, PROVIDER_NAMES
from spanmeter_collector.selection import CHARGES, Options, Selection
from spanmeter_collector.store import Store

OPTIONS: Final = Options(CHARGES, {"since": "30d", "until": "", "format": "csv"})
_HEX: Final = {name: f"lower(hex({name}))" for name in ("trace_id", "span_id")}
_TIMES: Final = ("time", "recorded_at", "ended_at")
_TEXTS: Final = {
    **{name: f"concat(replaceOne(toString(charges.{name}), ' ', 'T'), 'Z')" for name in _TIMES},
    "tags": "toJSONString(tags)",
}
_CHARGES: Final = {name: f"charges.{name}" for name in Charge._fields} | _HEX


@dataclass(frozen=True, slots=True)
class Format:
    """A format: what its answer is called, the question, its columns with their expressions, and how it is written."""

    media_type: str
    suffix: str
    question: str
    columns: Mapping[str, str]
    written_as: str = "CSV"


FORMATS: Final[Mapping[str, Format]] = {
    "csv": Format("text/csv; charset=utf-8", "csv", "export_charges", _CHARGES | _TEXTS),
    "focus": Format("text/csv; charset=utf-8", "csv", "export_focus", COLUMNS),
    "parquet": Format("application/vnd.apache.parquet", "parquet", "export_charges", _CHARGES, "Parquet"),
}
"""csv and parquet hold the entries of the ledger with all their columns; focus holds FOCUS 1.2 as CSV."""


def chosen_format(selection: Selection) -> Format:
    """The format that is asked for.

    Raises:
        QuestionError: There is no such format.
    """
    return FORMATS[selection.choice("format", tuple(FORMATS))]


def export(store: Store, selection: Selection) -> Iterator[bytes]:
    """The entries of a selection, piece by piece; CSV begins with the names of its columns, nothing stands for NULL.

    Money is decimal to twelve places and adds up to what the ledger says.

    Raises:
        QuestionError: There is no such format.
    """
    chosen = chosen_format(selection)
    clauses = filtered(selection, CHARGES)
    columns = ", ".join(f"{expression} AS `{name}`" for name, expression in chosen.columns.items())
    providers = {"providers": list(PROVIDER_NAMES), "provider_names": list(PROVIDER_NAMES.values())}
    pieces = store.stream(
        chosen.question,
        {**clauses.parameters, **providers},
        {**clauses.fragments, "columns": columns},
        written_as=chosen.written_as,
    )
    head = ",".join(chosen.columns).encode() + b"\n" if chosen.written_as == "CSV" else b""
    yield head + next(pieces, b"")
    yield from pieces


def unpriced_calls(store: Store, selection: Selection) -> int:
    """How many calls of a selection have no known price: FOCUS has no place for them."""
    asked = replace(selection, options={**selection.options, "limit": "1"})
    return answer_cost(store, asked).total.unpriced_calls
