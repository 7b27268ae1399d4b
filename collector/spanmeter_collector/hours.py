"""Hours: how long spans took by the hour, from sketches, which are read again only where spans were added.

Merging sketches is what the engine takes longest for. The spans of an hour's group never become fewer, so a group that
counts as many as when it was asked for has the figures that it had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from spanmeter_collector.answers import LatencyRow
from spanmeter_collector.lately import Lately
from spanmeter_collector.selection import Selection, group_columns
from spanmeter_collector.times import Period

HOUR: Final = "hour"
Columns = Mapping[str, Sequence[Any]]
Key = tuple[str, ...]


def rows_by_hour(
    listed: Columns, selection: Selection, lately: Lately, ask: Callable[[Period], Sequence[LatencyRow]]
) -> list[LatencyRow]:
    """The rows of the groups that are `listed` with their counts; `ask` is asked for hours in which some are new.

    The period of the selection has to be whole hours.
    """
    keys: list[Key] = list(zip(*group_columns(listed, selection).values(), strict=True))
    length = selection.period.until - selection.period.since
    question = (HOUR, selection.group_by, tuple(selection.filters.items()), length)
    known: Mapping[Key, LatencyRow] = lately.find(question) or {}
    hour = selection.group_by.index(HOUR)
    counted = zip(keys, listed.get("count", ()), strict=True)
    changed = {key[hour] for key, count in counted if key not in known or known[key]["count"] != count}
    if changed:
        rows = ask(_period(changed))
        known = {**known, **{_key(row, selection): row for row in rows}}
        lately.keep(question, {key: known[key] for key in keys if key in known}, len(keys))
    return [known[key] for key in keys if key in known]


def _period(hours: set[str]) -> Period:
    since, last = (datetime.fromisoformat(hour) for hour in (min(hours), max(hours)))
    return Period(since, last + timedelta(hours=1))


def _key(row: Mapping[str, Any], selection: Selection) -> Key:
    return tuple(row[name] for name in selection.group_by)
