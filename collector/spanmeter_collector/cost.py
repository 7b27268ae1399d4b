"""What calls cost: sums over the ledger, by dimension and in total."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

from spanmeter_collector.answers import CostAnswer, CostFigures, CostRow, UnpricedModel
from spanmeter_collector.clauses import filtered, grouped
from spanmeter_collector.money import usd_text
from spanmeter_collector.rollup import LEDGER, Source, chosen, rolled_up, stored
from spanmeter_collector.selection import CHARGES, Options, Selection, group_columns, rows_of
from spanmeter_collector.store import Store
from spanmeter_collector.times import write_time

OPTIONS: Final = Options(CHARGES, {"since": "24h", "until": "", "group_by": "", "limit": "1000"})
MOST_ROWS: Final = 10_000
MOST_UNPRICED: Final = 100

COUNTS: Final = (
    "calls",
    "failed_calls",
    "cache_hits",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "unpriced_calls",
)


def answer_cost(store: Store, selection: Selection) -> CostAnswer:
    """The cost of a selection.

    Raises:
        QuestionError: The limit is not allowed.
    """
    limit = selection.whole("limit", least=1, most=MOST_ROWS)
    total, rows = _grouped(store, selection, limit)
    return CostAnswer.model_construct(
        rows=rows[:limit],
        total=total,
        priced_share=priced_share(total),
        unpriced=_unpriced(store, selection) if total.unpriced_calls else [],
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
        truncated=len(rows) > limit,
    )


def _grouped(store: Store, selection: Selection, limit: int) -> tuple[CostFigures, list[CostRow]]:
    """The total, and the rows with one more than asked for where there are more."""
    clauses, source = grouped(selection, CHARGES, most="cost_usd", limit=limit), _source(selection, selection.group_by)
    columns = store.columns(
        "cost", {**clauses.parameters, **source.parameters}, {**clauses.fragments, **source.fragments}
    )
    figures = {name: columns[name] for name in COUNTS} | {"cost_usd": [*map(usd_text, columns["cost_usd"])]}
    total = {name: column[0] for name, column in figures.items()}
    rows = cast("list[CostRow]", rows_of(group_columns(columns, selection) | figures))
    return CostFigures.model_validate(total), rows[1:]


def _unpriced(store: Store, selection: Selection) -> list[UnpricedModel]:
    clauses, source = filtered(selection, CHARGES), _source(selection, ("provider", "model", "grade"))
    parameters = {**clauses.parameters, **source.parameters, "limit": MOST_UNPRICED}
    rows = store.query("unpriced", parameters, {**clauses.fragments, **source.fragments})
    return [UnpricedModel.model_validate(row) for row in rows]


def _source(selection: Selection, names: Iterable[str]) -> Source:
    """The smallest table that can be filtered as asked and tells the dimensions of these names apart."""
    asked = [*names, *selection.filters]
    rollup = chosen(LEDGER, asked, selection.period)
    if rollup is None:
        return stored("charges", selection.period)
    told = [name for name in rollup.dimensions if name in asked]
    return rolled_up(rollup, selection.period, asked, ("time", *told, *COUNTS, "usd"))


def priced_share(figures: CostFigures) -> float:
    """The share of calls whose price is known, 0 to 1; 1 when there were no calls."""
    if figures.calls <= 0:
        return 1.0
    return min(1.0, max(0.0, 1 - figures.unpriced_calls / figures.calls))
