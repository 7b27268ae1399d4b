"""Charts as Altair values; no chart reads anything but its arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import altair as alt

from spanmeter_dashboard import figures
from spanmeter_dashboard.answers import Sums
from spanmeter_dashboard.series import Bucket

_GAP = 0.08
_MOST_TICKS = 8
_CLOCK = (
    "hours(datum.value) || minutes(datum.value) ? timeFormat(datum.value, '%H:%M') : timeFormat(datum.value, '%-d %b')"
)
_DATE = "utcFormat(datum.value, '%-d %b')"


@dataclass(frozen=True, slots=True)
class Measure:
    """What the height of a bar means: how to get it, write it, and label an axis that reaches up to some height."""

    size: Callable[[Sums], float]
    text: Callable[[Sums], str]
    axis: Callable[[float], str]


def _dollars(highest: float) -> str:
    decimals = max(2, -math.floor(math.log10(highest / 5))) if 0 < highest < 20 else 0
    return f"datum.value ? '$' + format(datum.value, ',.{decimals}f') : '$0'"


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "Spend": Measure(
            size=lambda sums: float(sums.cost_usd or 0),
            text=lambda sums: figures.money(sums.cost_usd),
            axis=_dollars,
        ),
        "Tokens": Measure(
            size=lambda sums: sums.tokens,
            text=lambda sums: figures.tokens(sums.tokens),
            axis=lambda _: "format(datum.value, '~s')",
        ),
        "Calls": Measure(
            size=lambda sums: sums.calls,
            text=lambda sums: figures.count(sums.calls),
            axis=lambda _: "datum.value % 1 ? '' : format(datum.value, ',d')",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Bars:
    """Stacked bars over time: buckets, the names and colours of the groups in them, and what a bar measures.

    Times are the reader's, or UTC for buckets that are UTC days.
    """

    buckets: Sequence[Bucket]
    names: Mapping[tuple[str, ...], str]
    colours: Mapping[str, str]
    measure: str
    utc: bool = False


def stacked(bars: Bars, *, height: int) -> alt.Chart:
    """Bars with one segment for each group, stacked in the order of the rows; the axis covers every bucket."""
    segments = [*_edges(bars), *_segments(bars)]
    highest = max((float(str(segment["high"])) for segment in segments), default=0.0)
    colours = alt.Scale(domain=list(bars.colours), range=list(bars.colours.values()))
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(segments), height=height)
        .mark_bar(cornerRadius=1.5)
        .encode(
            x=_time(bars),
            x2="end",
            y=_size(MEASURES[bars.measure].axis(highest)),
            y2="high",
            color=alt.Color("group:N", scale=colours, legend=None),
            tooltip=_tooltip(bars),
        )
        .configure_view(strokeWidth=0)
    )
    return chart


def _time(bars: Bars) -> alt.X:
    days = alt.TimeIntervalStep(interval="day", step=-(-len(bars.buckets) // _MOST_TICKS))
    ticks = days if bars.utc else _MOST_TICKS
    axis = alt.Axis(grid=False, tickCount=ticks, labelOverlap=True, labelExpr=_DATE if bars.utc else _CLOCK)
    return alt.X("start:T", title=None, axis=axis, scale=alt.Scale(nice=False, type="utc" if bars.utc else "time"))


def _size(label: str) -> alt.Y:
    return alt.Y("low:Q", title=None, axis=alt.Axis(labelExpr=label, tickCount=5), scale=alt.Scale(zero=True))


def _tooltip(bars: Bars) -> list[alt.Tooltip]:
    when = "%-d %b %Y" if bars.utc else "%-d %b, %H:%M:%S"
    return [
        alt.Tooltip("group:N", title="Group"),
        alt.Tooltip("text:N", title=bars.measure),
        alt.Tooltip("calls:N", title="Calls"),
        alt.Tooltip("tokens:N", title="Tokens"),
        alt.Tooltip("from:T", title="From", format=when, formatType="utc" if bars.utc else "time"),
    ]


def _edges(bars: Bars) -> Iterator[dict[str, object]]:
    """Bars without height that stretch the axis over buckets in which nothing happened."""
    group = next(iter(bars.colours))
    for bucket in (bars.buckets[0], bars.buckets[-1]):
        start, end = _milliseconds(bucket.window.since), _milliseconds(bucket.window.until)
        yield {"start": start, "end": end, "low": 0, "high": 0, "group": group}


def _segments(bars: Bars) -> Iterator[dict[str, object]]:
    measure = MEASURES[bars.measure]
    for bucket in bars.buckets:
        inset = bucket.window.length * _GAP
        low = 0.0
        for row in bucket.rows:
            high = low + measure.size(row.sums)
            yield {
                "start": _milliseconds(bucket.window.since + inset),
                "end": _milliseconds(bucket.window.until - inset),
                "from": _milliseconds(bucket.window.since),
                "low": low,
                "high": high,
                "group": bars.names[row.key],
                "text": measure.text(row.sums),
                "calls": figures.count(row.sums.calls),
                "tokens": figures.tokens(row.sums.tokens),
            }
            low = high


def _milliseconds(time: datetime) -> float:
    return time.timestamp() * 1000
