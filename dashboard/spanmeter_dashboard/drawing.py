"""Charts as Altair draws them. To import it takes as long as a page's first figures, which come before any chart."""

from __future__ import annotations

import altair as alt

from spanmeter_dashboard.charts import MEASURES, Bars, segments

_MOST_TICKS = 8
_CLOCK = (
    "hours(datum.value) || minutes(datum.value) ? timeFormat(datum.value, '%H:%M') : timeFormat(datum.value, '%-d %b')"
)
_DATE = "utcFormat(datum.value, '%-d %b')"


def stacked(bars: Bars, *, height: int) -> alt.Chart:
    """Bars with one segment for each group, stacked in the order of the rows; the axis covers every bucket."""
    drawn = segments(bars)
    highest = max((float(str(segment["high"])) for segment in drawn), default=0.0)
    colours = alt.Scale(domain=list(bars.colours), range=list(bars.colours.values()))
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(drawn), height=height)
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
