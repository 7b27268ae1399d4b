"""What the ledger holds of a provider's days, as the sidecar tells it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from spanmeter_collector import sidecar
from spanmeter_collector.reconcile.line import WEB_SEARCHES
from spanmeter_collector.sidecar import SidecarError

MOST_ROWS: Final = 10_000
_CALL: Final = "call"
_SEARCHES: Final = "web_searches"
_TOLD_AS: Final = {"reasoning": "output", "cache_read_image": "cache_read"}
"""Components that bills do not tell apart."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A component of a model on a UTC day; `usd` is None where its price is not known.

    The entry with the component "call" carries calls; its `usd` is what a call costs beyond its components.
    """

    day: date
    model: str
    component: str
    tokens: int
    usd: Decimal | None
    calls: int = 0
    unpriced_calls: int = 0
    estimated: bool = False


def ask_entries(url: str, provider: str, days: Sequence[date], where: Sequence[tuple[str, str]]) -> Iterator[Entry]:
    """The entries of a provider on each of the days.

    Raises:
        SidecarError: The sidecar was not reached, refused, or a day has more models than it tells at once.
    """
    grouped = [("group_by", "model,component,grade"), ("limit", str(MOST_ROWS)), ("provider", provider), *where]
    for day in days:
        period = [("since", f"{day}T00:00:00Z"), ("until", f"{day + timedelta(days=1)}T00:00:00Z")]
        answer = sidecar.ask(url, "/api/v1/cost", [*grouped, *period])
        if answer["truncated"]:
            raise SidecarError(f"{day} has more than {MOST_ROWS} models and components; narrow it with --where")
        yield from (_entry(day, row) for row in answer["rows"])


def _entry(day: date, row: dict[str, Any]) -> Entry:
    component, _, part = row["component"].partition("@")  # a part that another model answered
    return Entry(
        day=day,
        model=WEB_SEARCHES if component.startswith(_SEARCHES) else part or row["model"],
        component=_TOLD_AS.get(component, component),
        tokens=row["input_tokens"] + row["output_tokens"],
        usd=None if row["cost_usd"] is None else Decimal(row["cost_usd"]),
        calls=row["calls"] if component == _CALL else 0,
        unpriced_calls=row["unpriced_calls"],
        estimated=row["grade"] == "estimated",
    )
