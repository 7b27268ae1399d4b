"""Bills and ledger side by side, a row for each day and model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from spanmeter_collector.reconcile.ledger import Entry
from spanmeter_collector.reconcile.line import REQUESTS, WEB_SEARCHES, Line, Statement
from spanmeter_collector.reconcile.names import pair
from spanmeter_collector.reconcile.row import NOTHING, ORDER, Amount, Row

EVERY_MODEL: Final = "all models"
"""The model of a bill that names none: its days are compared as a whole."""
_ZERO: Final = Decimal(0)


def compare(statements: Sequence[Statement], entries: Sequence[Entry]) -> list[Row]:
    """A row for each UTC day and model, of all statements together, which are of one provider.

    Where one file tells tokens and another amounts, tokens are taken from the first: they are the same ones.
    """
    lines = [line for statement in statements for line in statement.lines]
    labels = _labels(lines, entries)
    rows = _Rows(labels)
    for entry in entries:
        rows.hold(entry)
    for statement in sorted(statements, key=_tells_amounts):  # those that tell tokens only come first
        rows.bill(statement)
    for statement in statements:
        rows.complete(statement)
    return rows.sorted()


def _labels(lines: Sequence[Line], entries: Iterable[Entry]) -> Mapping[str, str]:
    known, billed = {entry.model for entry in entries}, {_name(line) for line in lines}
    if EVERY_MODEL in billed:
        fees = {line.component for line in lines if not line.model}
        return dict.fromkeys(known | (billed - fees), EVERY_MODEL)
    return pair({line.model for line in lines if line.model} - {WEB_SEARCHES}, known - {WEB_SEARCHES})


def _name(line: Line) -> str:
    """What a line is compared under: its model, the fee it is for, or all models where it names none."""
    of_calls = not line.component or line.component == REQUESTS or line.component in ORDER
    return line.model or (EVERY_MODEL if of_calls else line.component)


def _tells_tokens(statement: Statement) -> bool:
    return any(line.quantity is not None and line.component in ORDER for line in statement.lines)


def _tells_amounts(statement: Statement) -> bool:
    return any(line.usd is not None for line in statement.lines)


class _Rows:
    """Rows by day and label."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels
        self._rows: dict[tuple[date, str], Row] = {}

    def hold(self, entry: Entry) -> None:
        """Add what the ledger has."""
        row = self._row(entry.day, entry.model)
        row.names.add(entry.model)
        row.calls += entry.calls
        row.unpriced_calls += entry.unpriced_calls
        row.estimated_tokens += entry.tokens if entry.estimated else 0
        row.usd += entry.usd or _ZERO
        if entry.tokens:
            held = row.ledger.get(entry.component, Amount(_ZERO, _ZERO))
            usd = None if held.usd is None or entry.usd is None else held.usd + entry.usd
            row.ledger[entry.component] = Amount(_sum(held.tokens, Decimal(entry.tokens)), usd)

    def bill(self, statement: Statement) -> None:
        """Add what a statement has; its tokens only where no statement before it told any."""
        told = {key for key, row in self._rows.items() if row.tells_tokens}
        for line in statement.lines:
            row = self._row(line.day, _name(line))
            known = (row.day, row.model) in told
            self._add(row, replace(line, quantity=None) if known and line.usd is not None else line)
            row.rounded_lines += statement.rounded

    def complete(self, statement: Statement) -> None:
        """Say that a statement knows nothing of what it does not mention on its days."""
        days = set(statement.days)
        tells_usd, tells_tokens = _tells_amounts(statement), _tells_tokens(statement)
        for row in (row for row in self._rows.values() if row.day in days):
            if tells_usd and row.billed_usd is None:
                row.billed_usd = _ZERO
            if tells_tokens and row.ledger:
                row.tells_tokens = True

    def sorted(self) -> list[Row]:
        """By day, then the dearest first; without rows of failed attempts, which have nothing on either side."""
        rows = [row for row in self._rows.values() if row.calls or row.usd or row.billed_names or row.ledger]
        return sorted(rows, key=lambda row: (row.day, -max(row.usd, row.billed_usd or _ZERO), row.model))

    def _add(self, row: Row, line: Line) -> None:
        row.billed_names.add(_name(line))
        row.terms |= {line.terms} if line.terms else set()
        if line.usd is not None:
            row.billed_usd = (row.billed_usd or _ZERO) + line.usd
        if line.component == REQUESTS:
            row.billed_calls = (row.billed_calls or _ZERO) + (line.quantity or _ZERO)
            return
        row.tells_tokens |= line.component in ORDER and line.quantity is not None
        held = row.bill.get(line.component, NOTHING)
        row.bill[line.component] = Amount(_sum(held.tokens, line.quantity), _sum(held.usd, line.usd))

    def _row(self, day: date, name: str) -> Row:
        label = self._labels.get(name, name)
        return self._rows.setdefault((day, label), Row(day, label))


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else one + other
