"""Spans of time that a page shows, and the buckets they are cut into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

PRESETS: Mapping[str, timedelta] = MappingProxyType(
    {
        "15m": timedelta(minutes=15),
        "1h": timedelta(hours=1),
        "24h": timedelta(hours=24),
        "7d": timedelta(days=7),
        "30d": timedelta(days=30),
    }
)
STEPS: Mapping[str, timedelta] = MappingProxyType(
    {
        "minute": timedelta(minutes=1),
        "2 min": timedelta(minutes=2),
        "10 min": timedelta(minutes=10),
        "hour": timedelta(hours=1),
        "day": timedelta(days=1),
    }
)
"""Bucket widths, each a whole number of the minutes, hours or days that the API can group by."""
_MOST_BUCKETS = 32
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` (included) until `until` (excluded), both UTC."""

    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        """How long the window is."""
        return self.until - self.since

    def before(self) -> Window:
        """The window of the same length that ends where this one starts."""
        return Window(self.since - self.length, self.since)

    def default_step(self) -> str:
        """A bucket width that draws a readable number of bars."""
        if self.length > timedelta(days=3):
            return "day"
        fitting = (name for name, width in STEPS.items() if self.length / width <= _MOST_BUCKETS and name != "day")
        return next(fitting, "hour")

    def buckets(self, step: str) -> tuple[Window, ...]:
        """Buckets on the clock's boundaries that cover the window; the first and last may reach beyond it."""
        width = STEPS[step]
        start = floor(self.since, width)
        count = -(-(self.until - start) // width)
        return tuple(Window(start + index * width, start + (index + 1) * width) for index in range(count))


def last(period: str, *, now: datetime) -> Window:
    """The window of a preset such as `24h`: the minute that runs, and the preset's length before that minute.

    So the same question is asked all minute long, and the sidecar still has its answer where nothing came in.

    Raises:
        KeyError: a period that is no preset.
    """
    minute = floor(now, _MINUTE)
    return Window(minute - PRESETS[period], minute + _MINUTE)


def floor(time: datetime, width: timedelta) -> datetime:
    """The last multiple of `width` since the epoch that is not after `time`."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return time - (time - epoch) % width


def words(period: str) -> str:
    """A preset in words for a sentence: `24h` is "the last 24 hours"."""
    units = {"m": "minute", "h": "hour", "d": "day"}
    number, unit = period[:-1], units[period[-1]]
    return f"the last {unit}" if number == "1" else f"the last {number} {unit}s"
