"""What calls cost: sums over the ledger, by dimension and in total."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

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

_MODEL: Final = ("provider", "model", "grade")
_UNPRICED: Final = (
    "if(is_total = 1, toJSONString(sumMapIf([(charges.provider, charges.model)], [charges.unpriced_calls], "
    "[charges.input_tokens], [charges.output_tokens], charges.grade = 'unpriced')), '')"
)
"""The models without a price, and lists of their calls, input and output tokens, all in their order."""

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


Columns = Mapping[str, Sequence[Any]]


def answer_cost(store: Store, selection: Selection) -> CostAnswer:
    """The cost of a selection.

    Raises:
        QuestionError: The limit is not allowed.
    """
    limit = selection.whole("limit", least=1, most=MOST_ROWS)
    columns = _grouped(store, selection, limit)
    total, rows = _figures(columns, selection)
    return CostAnswer.model_construct(
        rows=rows[:limit],
        total=total,
        priced_share=priced_share(total),
        unpriced=_unpriced(store, selection, columns) if total.unpriced_calls else [],
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
        truncated=len(rows) > limit,
    )


def _grouped(store: Store, selection: Selection, limit: int) -> Columns:
    """The total, and the groups with one more than asked for where there are more."""
    clauses = grouped(selection, CHARGES, most="cost_usd", limit=limit)
    names = [*selection.group_by, *_MODEL] if _tells_models(selection) else selection.group_by
    source = _source(selection, names)
    unpriced = _UNPRICED if _tells_models(selection) else "''"
    fragments = {**clauses.fragments, **source.fragments, "unpriced": unpriced}
    return store.columns("cost", {**clauses.parameters, **source.parameters}, fragments)


def _figures(columns: Columns, selection: Selection) -> tuple[CostFigures, list[CostRow]]:
    figures = {name: columns[name] for name in COUNTS} | {"cost_usd": [*map(usd_text, columns["cost_usd"])]}
    total = {name: column[0] for name, column in figures.items()}
    rows = cast("list[CostRow]", rows_of(group_columns(columns, selection) | figures))
    return CostFigures.model_validate(total), rows[1:]


def _unpriced(store: Store, selection: Selection, columns: Columns) -> list[UnpricedModel]:
    """The models without a price: as they were told with the total, else asked for on their own.

    They are those that they were while the ledger has as many entries of the selection.
    """
    if told := columns["unpriced"][0]:
        models = (
            UnpricedModel(provider=provider, model=model, calls=calls, input_tokens=asked, output_tokens=answered)
            for (provider, model), calls, asked, answered in zip(*json.loads(told), strict=True)
        )
        return sorted(filter(_has_calls, models), key=_most_tokens)[:MOST_UNPRICED]
    question = ("unpriced", selection.period, tuple(selection.filters.items()))
    return store.lately.find_or_ask(question, columns["entries"][0], lambda: _asked_for(store, selection), rows=len)


def _asked_for(store: Store, selection: Selection) -> list[UnpricedModel]:
    clauses, source = filtered(selection, CHARGES), _source(selection, _MODEL)
    parameters = {**clauses.parameters, **source.parameters, "limit": MOST_UNPRICED}
    rows = store.query("unpriced", parameters, {**clauses.fragments, **source.fragments})
    return [UnpricedModel.model_validate(row) for row in rows]


def _has_calls(model: UnpricedModel) -> bool:
    return model.calls > 0


def _most_tokens(model: UnpricedModel) -> tuple[int, str, str]:
    return -model.input_tokens - model.output_tokens, model.provider, model.model


def _tells_models(selection: Selection) -> bool:
    """Whether what answers a question tells models and what has no price apart, so that it need not be asked twice."""
    asked = [*selection.group_by, *selection.filters]
    return chosen(LEDGER, asked, selection.period) is chosen(LEDGER, [*asked, *_MODEL], selection.period)


def _source(selection: Selection, names: Iterable[str]) -> Source:
    """The smallest table that can be filtered as asked and tells the dimensions of these names apart."""
    asked = [*names, *selection.filters]
    rollup = chosen(LEDGER, asked, selection.period)
    if rollup is None:
        return stored("charges", selection.period, "*, toUInt64(1) AS entries")
    told = [name for name in rollup.dimensions if name in asked]
    return rolled_up(rollup, selection.period, asked, ("time", *told, *COUNTS, "usd", "entries"))


def priced_share(figures: CostFigures) -> float:
    """The share of calls whose price is known, 0 to 1; 1 when there were no calls."""
    if figures.calls <= 0:
        return 1.0
    return min(1.0, max(0.0, 1 - figures.unpriced_calls / figures.calls))
