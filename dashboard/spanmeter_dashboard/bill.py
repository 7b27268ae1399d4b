"""The bill as a table: on screen with units and shares, and as CSV with exact amounts."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from streamlit import column_config as column

from spanmeter_dashboard import dimensions
from spanmeter_dashboard.answers import Cost, Sums

_COUNTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "calls": ("Calls", "Requests that a provider answered"),
        "failed_calls": ("Failed", "Requests that ended in an error"),
        "cache_hits": ("Cache hits", "Answers from the application's own cache; they cost nothing"),
        "input_tokens": ("Input tokens", "Cached input included"),
        "cached_input_tokens": ("Cached input", "Input that the provider read from its cache"),
        "output_tokens": ("Output tokens", "Reasoning included"),
        "reasoning_tokens": ("Reasoning", "Output that the model spent on thinking"),
        "unpriced_calls": ("Unpriced calls", "Calls of which no price is known; their cost is not in the spend"),
    }
)


def frame(answer: Cost, group_by: Sequence[str]) -> dict[str, list[Any]]:
    """Columns for `st.dataframe`: the dimensions, spend, share, spend per thousand calls and the counts."""
    groups = {
        dimension: [dimensions.value(row.key[index], dimension) for row in answer.rows]
        for index, dimension in enumerate(group_by)
    }
    figures: Mapping[str, Callable[[Sums], float | None]] = {
        "cost_usd": lambda sums: None if sums.cost_usd is None else float(sums.cost_usd),
        "share": lambda sums: share(sums, answer.total),
        "per_1k_calls": _per_1k_calls,
    }
    return groups | {
        name: [figure(row.sums) for row in answer.rows] for name, figure in figures.items()
    } | {name: [getattr(row.sums, name) for row in answer.rows] for name in _COUNTS}  # fmt: skip


def columns(answer: Cost, group_by: Sequence[str]) -> dict[str, Any]:
    """Titles, units and formats of the columns of `frame`."""
    decimals = decimals_for([row.sums.cost_usd for row in answer.rows])
    return (
        {name: column.TextColumn(dimensions.title(name)) for name in group_by}
        | {
            "cost_usd": column.NumberColumn("Spend", format=f"$%.{decimals}f"),
            "share": column.ProgressColumn("Share", format="percent", min_value=0, max_value=1, width="small"),
            "per_1k_calls": column.NumberColumn("Per 1k calls", format="$%.4f", help="Spend of a thousand such calls"),
        }
        | {name: column.NumberColumn(title, format="localized", help=help_) for name, (title, help_) in _COUNTS.items()}
    )


def csv_text(answer: Cost, group_by: Sequence[str]) -> str:
    """Comma-separated, one line a group, amounts exact; an unknown amount is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*group_by, "cost_usd", *_COUNTS])
    for row in answer.rows:
        cost = "" if row.sums.cost_usd is None else f"{row.sums.cost_usd:f}"
        writer.writerow([*row.key, cost, *(getattr(row.sums, name) for name in _COUNTS)])
    return text.getvalue()


def share(part: Sums, total: Sums) -> float | None:
    """What part of the total's spend this is; None when either is unknown."""
    if part.cost_usd is None or not total.cost_usd:
        return None
    return float(part.cost_usd / total.cost_usd)


def decimals_for(amounts: Sequence[Decimal | None]) -> int:
    """Decimals for a whole column: 2 where every amount is at least $1, else 4, or 6 to show the smallest."""
    known = [abs(amount) for amount in amounts if amount]
    smallest = min(known, default=Decimal(1))
    if smallest >= 1:
        return 2
    return 4 if smallest >= Decimal("0.001") else 6


def _per_1k_calls(sums: Sums) -> float | None:
    return float(1000 * sums.cost_usd / sums.calls) if sums.cost_usd is not None and sums.calls else None
