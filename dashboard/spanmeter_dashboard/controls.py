"""What the reader chooses: the period, live refresh and filters. All of it stands in the page's address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from spanmeter_dashboard import dimensions, markup, window
from spanmeter_dashboard.barrier import guarded
from spanmeter_dashboard.client import Client, Filters
from spanmeter_dashboard.window import Window

DEFAULT_PERIOD = "1h"
CUSTOM = "Custom"
REFRESH_S = 5
_PERIODS = (*window.PRESETS, CUSTOM)
_BOUND: Literal["query-params"] = "query-params"


@dataclass(frozen=True, slots=True)
class Period:
    """A chosen period: a preset that moves with the clock, or a fixed window."""

    name: str
    fixed: Window | None = None

    def window(self, *, now: datetime) -> Window:
        """The window this period means at a time."""
        return self.fixed or window.last(self.name, now=now)

    @property
    def words(self) -> str:
        """The period for a sentence."""
        if self.fixed is None:
            return window.words(self.name)
        return f"{self.fixed.since:%d %b %Y %H:%M} to {self.fixed.until:%d %b %Y %H:%M} UTC"

    @property
    def before_words(self) -> str:
        """The period before this one, for a short comparison."""
        return "the time before" if self.fixed else f"the {window.words(self.name).removeprefix('the last ')} before"

    @property
    def parameters(self) -> Mapping[str, str]:
        """What stands in an address to choose this period again."""
        if self.fixed is None:
            return {} if self.name == DEFAULT_PERIOD else {"period": self.name}
        return {
            "period": CUSTOM,
            "since": f"{self.fixed.since:%Y-%m-%dT%H:%M}",
            "until": f"{self.fixed.until:%Y-%m-%dT%H:%M}",
        }


def header(title: str) -> tuple[Period, bool]:
    """The page's title with the period and the live switch beside it; returns what they stand at."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.header(title, anchor=False, width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            name = _period_name()
            refreshed = live()
    return (_custom() if name == CUSTOM else Period(name)), refreshed


def live() -> bool:
    """The switch that has the page refresh itself."""
    return st.toggle(
        "Live", value=True, key="live", bind=_BOUND, width="content", help=f"Refresh every {REFRESH_S} seconds"
    )


def filters(client: Client, period: Period, *, now: datetime) -> Filters:
    """A button that opens one list of values for each dimension; several values of one mean any of them."""
    active = sum(len(st.query_params.get_all(name)) for name in dimensions.FILTERS)
    label = f"Filters ({active})" if active else "Filters"
    with st.popover(label, icon=":material/filter_list:", width="content"):
        chosen = {name: _filter(client, name, period, now) for name in dimensions.FILTERS}
    return tuple((name, value) for name, values in chosen.items() for value in values)


def filter_line(chosen: Filters) -> str:
    """The filters as one line of HTML: Model [a] or [b], Tenant [c]."""
    grouped: dict[str, list[str]] = {}
    for name, value in chosen:
        grouped.setdefault(name, []).append(markup.chip(dimensions.value(value, name)))
    parts = (
        f"<span>{markup.text(dimensions.title(name))} {' or '.join(chips)}</span>" for name, chips in grouped.items()
    )
    return f'<div class="sm-filters">{"".join(parts)}</div>'


def refreshing(client: Client, body: Callable[[], None], *, live: bool) -> None:
    """Draw a part of the page now, and again every few seconds while it is live."""
    st.fragment(guarded(client, body), run_every=REFRESH_S if live else None)()


def trace_address(period: Period, chosen: Filters = ()) -> Callable[[str], str]:
    """Addresses of trace pages that lead back to this period and to whatever else was chosen."""
    kept = (*period.parameters.items(), *chosen)
    return lambda trace_id: f"traces?{urlencode([('trace', trace_id), *kept])}"


def now() -> datetime:
    """The current time, UTC."""
    return datetime.now(UTC)


def zone() -> tzinfo:
    """The reader's time zone, UTC when the browser does not say."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except ZoneInfoNotFoundError:
        return UTC


def _period_name() -> str:
    name = st.segmented_control(
        "Period",
        _PERIODS,
        default=DEFAULT_PERIOD,
        required=True,
        key="period",
        bind=_BOUND,
        label_visibility="collapsed",
    )
    return str(name or DEFAULT_PERIOD)


def _custom() -> Period:
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        since = st.datetime_input(
            "From (UTC)", value=today - timedelta(days=7), key="since", bind=_BOUND, format="YYYY-MM-DD", width=220
        )
        until = st.datetime_input(
            "Until (UTC)", value=today + timedelta(days=1), key="until", bind=_BOUND, format="YYYY-MM-DD", width=220
        )
    start, end = (time.replace(tzinfo=UTC) for time in (since, until))
    if start >= end:
        st.warning("“From” has to be before “Until”; the day that ends at “Until” is shown.")
        start = end - timedelta(days=1)
    return Period(CUSTOM, Window(start, end))


def _filter(client: Client, dimension: str, period: Period, now: datetime) -> list[str]:
    options = _values(client.url, client, dimension, period, now.replace(second=0, microsecond=0))
    return st.multiselect(
        dimensions.title(dimension),
        options,
        key=dimension,
        bind=_BOUND,
        accept_new_options=True,
        format_func=lambda value: dimensions.value(value, dimension),
        placeholder="Any",
    )


@st.cache_data(ttl=60, max_entries=200, show_spinner=False)
def _values(url: str, _client: Client, dimension: str, period: Period, minute: datetime) -> list[str]:  # noqa: ARG001
    rows = _client.cost(period.window(now=minute), group_by=(dimension,)).rows
    return [row.key[0] for row in rows]
