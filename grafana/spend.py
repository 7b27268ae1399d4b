"""What was spent: panels over `spanmeter_cost_usd_total` and the calls that have no price."""

from __future__ import annotations

from typing import Final

from panels import COUNT, DOLLARS, NO_PRICED_CALLS, SHARE, Chart, Figure, Panel, Query, Ranking
from promql import UP, in_range, or_zero, rate, select, share

COST = select("spanmeter_cost_usd_total")
UNPRICED = select("spanmeter_unpriced_calls_total")
CALLS = select("spanmeter_calls_total")
ANSWERED = select("spanmeter_calls_total", 'outcome="answered"')
FAILED = select("spanmeter_calls_total", 'outcome="failed"')


FIGURES: Final = (
    Figure(
        Panel(
            "Spend in range",
            "Sum of the charges in the time range, from spanmeter_cost_usd_total; the cost explorer shows the same "
            "sum. Calls without a price are not in it: look at 'Unpriced calls' before trusting a low figure.",
            DOLLARS,
            (Query(in_range(COST), "Spend"),),
            NO_PRICED_CALLS,
        )
    ),
    Figure(
        Panel(
            "Spend per hour",
            "What an hour costs at the present rate of spanmeter_cost_usd_total. If it jumps, 'Spend per hour by "
            "model' and 'Top services' show who spends.",
            DOLLARS,
            (Query(f"{rate(COST)} * 3600", "Spend per hour"),),
            NO_PRICED_CALLS,
        ),
        trend=True,
    ),
    Figure(
        Panel(
            "Unpriced calls",
            "Answered calls in the time range whose model has no known price, from spanmeter_unpriced_calls_total. "
            "Their cost is unknown, not zero: every dollar figure here is too low until they have a price.",
            COUNT,
            (Query(or_zero(in_range(UNPRICED), where=f"sum({UP})"), "Unpriced calls"),),
        ),
        thresholds=((None, "green"), (0.5, "orange")),
    ),
)
"""Spend in the range, spend an hour, calls without a price."""


def _by(label: str, advice: str) -> Chart:
    return Chart(
        Panel(
            f"Spend per hour by {label}",
            f"Rate of spanmeter_cost_usd_total by {label}, in dollars an hour. {advice}",
            DOLLARS,
            (Query(f"{rate(COST, label)} * 3600", f"{{{{{label}}}}}"),),
            NO_PRICED_CALLS,
        ),
        stacked=True,
    )


def _top_services() -> Ranking:
    answered = in_range(ANSWERED, "service")
    everything = in_range(CALLS, "service")
    unpriced = in_range(UNPRICED, "service")
    priced = f"({everything} unless {unpriced} > 0)"
    return Ranking(
        Panel(
            "Top services",
            "Spend, answered, failed and unpriced calls of each service in the time range, from "
            "spanmeter_cost_usd_total, spanmeter_calls_total and spanmeter_unpriced_calls_total, and the share of "
            "answered calls that are priced: below 100 % the spend beside it is too low. Start at the top.",
            COUNT,
            (
                Query(or_zero(in_range(COST, "service"), where=priced), "Spend"),
                Query(or_zero(answered, where=everything), "Calls"),
                Query(or_zero(in_range(FAILED, "service"), where=everything), "Failed"),
                Query(or_zero(unpriced, where=everything), "Unpriced"),
                Query(f"1 - {share(unpriced, answered)}", "Priced share"),
            ),
            NO_PRICED_CALLS,
        ),
        key="service",
        units=(DOLLARS, COUNT, COUNT, COUNT, SHARE),
        width=24,
    )


CHARTS: Final = (
    _by("model", "A model that answers more expensively than needed is the first place to save."),
    _by("framework", "A call that LangChain and LlamaIndex both saw is in one of them only: the one that made it."),
    _by(
        "component",
        "Input that grows faster than output points to longer contexts; cache_read should replace input.",
    ),
    _top_services(),
)
"""Spend by model, framework and price component, and the services that spend most."""
