"""The SQL of a selection: fragments made of our own words only, and the parameters bound to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spanmeter_collector.selection import Dimensions, Selection

TIME_DIMENSIONS = ("minute", "hour", "day")


@dataclass(frozen=True, slots=True)
class Clauses:
    """Fragments to place in a question's SQL and the values to bind."""

    fragments: Mapping[str, str]
    parameters: Mapping[str, object]


def grouped(selection: Selection, dimensions: Dimensions, *, most: str, limit: int) -> Clauses:
    """Fragments `dimensions`, `keys`, `filters` and `order`: time ascending when grouped by time, else `most` first.

    The columns come out as dim_0, dim_1, …; without a dimension dim_0 is empty. One row more than `limit`
    and the total are asked for, so that whoever reads them sees that something was left out.
    """
    names = selection.group_by
    columns = [f"{dimensions.key(name, f'key_{index}')} AS dim_{index}" for index, name in enumerate(names)]
    keys = [f"dim_{index}" for index in range(len(columns) or 1)]
    times = [f"dim_{index}" for index, name in enumerate(names) if name in TIME_DIMENSIONS]
    conditions, values = _filters(selection, dimensions)
    bound = {f"key_{index}": dimensions.bound_key(name) for index, name in enumerate(names)}
    keys_asked = {name: key for name, key in bound.items() if key is not None}
    return Clauses(
        fragments={
            "dimensions": ", ".join(columns) or "materialize('') AS dim_0",
            "keys": ", ".join(keys),
            "filters": " AND ".join(conditions) or "true",
            "order": ", ".join((*times, f"{most} DESC NULLS LAST", *keys)),
        },
        parameters=_period(selection) | values | keys_asked | {"limit": limit + 2},
    )


def matching(selection: Selection, dimensions: Dimensions) -> Clauses:
    """Fragment `matches` over a group of rows: every filter is met by at least one row of the group."""
    conditions, values = _filters(selection, dimensions)
    return Clauses(
        fragments={"matches": " AND ".join(f"countIf({condition}) > 0" for condition in conditions) or "true"},
        parameters=_period(selection) | values,
    )


def filtered(selection: Selection, dimensions: Dimensions) -> Clauses:
    """Fragment `filters`: a row meets every filter."""
    conditions, values = _filters(selection, dimensions)
    return Clauses({"filters": " AND ".join(conditions) or "true"}, _period(selection) | values)


def _period(selection: Selection) -> dict[str, object]:
    return {"since": selection.period.since_us, "until": selection.period.until_us}


def _filters(selection: Selection, dimensions: Dimensions) -> tuple[list[str], dict[str, object]]:
    conditions: list[str] = []
    parameters: dict[str, object] = {}
    for index, (name, values) in enumerate(selection.filters.items()):
        expression = dimensions.text(name, f"filter_key_{index}")
        conditions.append(f"({expression}) IN {{filter_{index}:Array(String)}}")
        parameters[f"filter_{index}"] = list(values)
        if (key := dimensions.bound_key(name)) is not None:
            parameters[f"filter_key_{index}"] = key
    return conditions, parameters
