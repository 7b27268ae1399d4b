"""A reconciliation in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from spanmeter_collector.money import readable_usd, usd_text
from spanmeter_collector.reconcile.cause import Cause, settled
from spanmeter_collector.reconcile.line import Statement
from spanmeter_collector.reconcile.row import NOTHING, Amount, Row, total
from spanmeter_collector.table import Column, harmless, render
from spanmeter_collector.wording import counted

MOST_ROWS: Final = 40
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Compared:
    """A row, whether it agrees, and what explains it where it does not."""

    row: Row
    agrees: bool
    causes: Sequence[Cause]

    @property
    def why(self) -> tuple[str, ...]:
        """The causes in words."""
        return tuple(cause.text for cause in self.causes)

    @property
    def in_order(self) -> bool:
        """Whether nothing is to be done about it."""
        return self.agrees or settled(self.causes)


@dataclass(frozen=True, slots=True)
class Report:
    """All rows of some files; `fees` are what the bill has for no call of a model."""

    statements: Sequence[Statement]
    compared: Sequence[Compared]
    fees: Sequence[Row]
    tolerance: Decimal

    @property
    def in_order(self) -> bool:
        """Whether every line was understood and every day and model agrees."""
        return all(each.in_order for each in self.compared) and not any(each.unread for each in self.statements)

    def as_json(self) -> dict[str, Any]:
        """Everything there is, amounts as decimal strings."""
        usd, billed = total(each.row for each in self.compared)
        return {
            "files": [_file_json(statement) for statement in self.statements],
            "tolerance": usd_text(self.tolerance),
            "agrees": self.in_order,
            "rows": [_row_json(each) for each in self.compared],
            "fees": [
                {"day": f"{fee.day}", "item": fee.model, "billed_usd": usd_text(fee.billed_usd)} for fee in self.fees
            ],
            "total": {
                "cost_usd": usd_text(usd),
                "billed_usd": usd_text(billed),
                "difference_usd": None if billed is None else usd_text(usd - billed),
            },
        }

    def as_text(self) -> str:
        """What people read."""
        return "\n".join([*self._files(), "", *self._table(), *self._causes(), *self._fees(), "", self._verdict()])

    def _files(self) -> Iterator[str]:
        for each in self.statements:
            days = f"{each.days[0]} to {each.days[-1]}" if each.days else "no day"
            told = f"{counted(each.records, 'line')}, {each.empty} empty, {len(each.unread)} not understood"
            yield f"{each.kind}, {harmless(each.file)}: {days} (UTC), {told}"
            yield from (f"  {note}" for note in each.notes)
            yield from (f"  line {one.number}: {one.reason}: {harmless(one.text)}" for one in each.unread)

    def _table(self) -> Iterator[str]:
        shown = self._shown
        if not shown:
            return
        rows = [each.row for each in shown]
        numbers = self._numbers
        yield render(
            [
                Column("day", [f"{row.day}" for row in rows], right=False, whole=True),
                Column("model", [row.model for row in rows], right=False),
                *_columns(rows),
                Column("cause", ["" if each.agrees else str(numbers[each.why]) for each in shown]),
            ]
        )

    @property
    def _shown(self) -> Sequence[Compared]:
        return self.compared if len(self.compared) <= MOST_ROWS else self._explained

    @property
    def _explained(self) -> Sequence[Compared]:
        return [each for each in self.compared if not each.agrees]

    @property
    def _numbers(self) -> Mapping[tuple[str, ...], int]:
        """Explanations by number; rows with the same one share it."""
        return {why: number for number, why in enumerate(dict.fromkeys(each.why for each in self._explained), start=1)}

    def _causes(self) -> Iterator[str]:
        for why, number in self._numbers.items():
            first, *others = map(harmless, why)
            yield f"\n{number}) {first}"
            yield from (f"   {other}" for other in others)

    def _fees(self) -> Iterator[str]:
        if self.fees:
            yield "\nFor no call of a model, so not in the ledger:"
        yield from (
            f"  {fee.day}  {harmless(fee.model)}  {readable_usd(usd_text(fee.billed_usd))}" for fee in self.fees
        )

    def _verdict(self) -> str:
        good, of = sum(each.in_order for each in self.compared), len(self.compared)
        usd, billed = total(each.row for each in self.compared)
        said = f"{good} of {of} days and models agree within {percent(self.tolerance)}"
        if billed is None:
            return f"{said}."
        sums = f"ledger {readable_usd(usd_text(usd))}, bill {readable_usd(usd_text(billed))}"
        return f"{said}; {sums}, difference {readable_usd(usd_text(usd - billed))}."


def percent(share: Decimal | None) -> str:
    """A share as people read it; "new" where there is nothing to compare with."""
    return "new" if share is None else f"{share * 100:.2f}".rstrip("0").rstrip(".") + " %"


def _columns(rows: Sequence[Row]) -> Iterator[Column]:
    if any(row.billed_calls is not None for row in rows):
        yield Column("calls", [f"{row.calls:,}" for row in rows])
        yield Column("billed", [_number(row.billed_calls) for row in rows])
    if any(row.tells_tokens for row in rows):
        yield Column("tokens", [_number(row.tokens) for row in rows], rank=1)
        yield Column("billed", [_number(row.billed_tokens) for row in rows], rank=2)
    if any(row.billed_usd is not None for row in rows):
        splits = [row.split() for row in rows]
        yield Column("cost", [_cost(row) for row in rows])
        yield Column("billed", ["-" if row.billed_usd is None else _usd(row.billed_usd) for row in rows])
        yield Column("by tokens", ["-" if split is None else _usd(split.tokens_usd) for split in splits], rank=4)
        yield Column("by price", ["-" if split is None else _usd(split.price_usd) for split in splits], rank=3)
        yield Column("rest", ["-" if split is None else _usd(split.rest_usd) for split in splits], rank=5)
    yield Column("drift", [percent(row.drift) for row in rows])


def _cost(row: Row) -> str:
    """What the ledger has; unknown where no call of it has a price."""
    return readable_usd(None if 0 < row.calls <= row.unpriced_calls else usd_text(row.usd))


def _usd(usd: Decimal) -> str:
    return readable_usd(usd_text(usd))


def _number(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:,f}"


def _file_json(statement: Statement) -> dict[str, Any]:
    return {
        "file": statement.file,
        "kind": statement.kind,
        "provider": statement.provider,
        "days": [f"{day}" for day in statement.days],
        "lines": statement.records,
        "empty": statement.empty,
        "not_understood": [
            {"line": unread.number, "text": unread.text, "reason": unread.reason} for unread in statement.unread
        ],
        "notes": list(statement.notes),
    }


def _row_json(each: Compared) -> dict[str, Any]:
    row, split = each.row, each.row.split()
    return {
        "day": f"{row.day}",
        "model": row.model,
        "names": sorted(row.names),
        "billed_names": sorted(row.billed_names),
        "agrees": each.agrees,
        "calls": row.calls,
        "billed_calls": None if row.billed_calls is None else int(row.billed_calls),
        "unpriced_calls": row.unpriced_calls,
        "components": [_component_json(row, name) for name in row.components],
        "cost_usd": usd_text(row.usd),
        "billed_usd": usd_text(row.billed_usd),
        "difference_usd": usd_text(row.difference_usd),
        "drift": None if row.drift is None else f"{row.drift:.6f}",
        "by_tokens_usd": None if split is None else usd_text(round(split.tokens_usd, 12)),
        "by_price_usd": None if split is None else usd_text(round(split.price_usd, 12)),
        "rest_usd": None if split is None else usd_text(round(split.rest_usd, 12)),
        "causes": [{"name": cause.name, "text": cause.text} for cause in each.causes],
    }


def _component_json(row: Row, name: str) -> dict[str, Any]:
    held, billed = row.ledger.get(name, NOTHING), row.bill.get(name, NOTHING)
    return {
        "component": name,
        "tokens": int(held.tokens or 0),
        "billed_tokens": None if billed.tokens is None else int(billed.tokens),
        "usd_per_mtok": _per_million(held),
        "billed_usd_per_mtok": _per_million(billed),
    }


def _per_million(amount: Amount) -> str | None:
    return None if amount.usd_each is None else usd_text(round(amount.usd_each * _MILLION, 6))
