"""Charts as values: what bars measure, and the segments they are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from spanmeter_dashboard import figures
from spanmeter_dashboard.answers import Sums
from spanmeter_dashboard.series import Bucket

_GAP = 0.08


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


def segments(bars: Bars) -> list[dict[str, object]]:
    """One segment for each group of each bucket, stacked in the order of the rows, over the time of every bucket."""
    return [*_edges(bars), *_segments(bars)]


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
