"""What calls cost: sums over the ledger, by dimension and in total."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from spanmeter_collector.answers import CostAnswer, CostFigures, CostRow, UnpricedModel
from spanmeter_collector.clauses import Clauses, filtered, grouped
from spanmeter_collector.money import usd_text
from spanmeter_collector.rollup import LEDGER, Source, chosen, rolled_up, stored
from spanmeter_collector.selection import CHARGES, Options, Selection, grouped_by
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
    clauses = grouped(selection, CHARGES, most="cost_usd", limit=limit)
    total, *rows = _asked(store, "cost", _source(selection, selection.group_by), clauses)
    figures = cost_figures(total)
    return CostAnswer(
        rows=[
            CostRow.model_validate({**grouped_by(row, selection), **cost_figures(row).model_dump()})
            for row in rows[:limit]
        ],
        total=figures,
        priced_share=priced_share(figures),
        unpriced=_unpriced(store, selection) if figures.unpriced_calls else [],
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
        truncated=len(rows) > limit,
    )


def _unpriced(store: Store, selection: Selection) -> list[UnpricedModel]:
    source = _source(selection, ("provider", "model", "grade"))
    rows = _asked(store, "unpriced", source, filtered(selection, CHARGES), limit=MOST_UNPRICED)
    return [UnpricedModel.model_validate(row) for row in rows]


def _asked(store: Store, question: str, source: Source, clauses: Clauses, **parameters: object) -> list[dict[str, Any]]:
    return store.query(
        question,
        {**clauses.parameters, **source.parameters, **parameters},
        {**clauses.fragments, "source": source.sql},
    )


def _source(selection: Selection, names: Iterable[str]) -> Source:
    """The smallest table that can be filtered as asked and tells the dimensions of these names apart."""
    asked = [*names, *selection.filters]
    rollup = chosen(LEDGER, asked, selection.period)
    if rollup is None:
        return stored("charges", selection.period)
    return rolled_up(rollup, selection.period, asked, ("time", *rollup.dimensions, *COUNTS, "usd"))


def cost_figures(row: Mapping[str, Any]) -> CostFigures:
    """The figures of one row of a question about the ledger."""
    return CostFigures(cost_usd=usd_text(row["cost_usd"]), **{name: row[name] for name in COUNTS})


def priced_share(figures: CostFigures) -> float:
    """The share of calls whose price is known, 0 to 1; 1 when there were no calls."""
    if figures.calls <= 0:
        return 1.0
    return min(1.0, max(0.0, 1 - figures.unpriced_calls / figures.calls))
