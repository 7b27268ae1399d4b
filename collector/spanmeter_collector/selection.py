"""What a question asks about: a period, dimensions and filters, read from a query string.

No text of the asker ever becomes SQL: dimensions are looked up in a closed table, everything else
(filter values, tag keys, times, limits) travels as a bound parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

from spanmeter import semconv
from spanmeter.pricing.cost import GRADES
from spanmeter_collector.duplicate import REASONS
from spanmeter_collector.json_body import json_object
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.times import Period, read_period

TAG: Final = "tag."
MAX_DIMENSIONS: Final = 8
MAX_VALUES: Final = 100
MAX_LENGTH: Final = 1000
_AGAIN: Final = "\n"

_SHARED = ("service", "framework", "operation", "provider", "model", "user", "session", "tenant", "feature", "team")


@dataclass(frozen=True, slots=True)
class Keyed:
    """A column that holds texts by key, and what the keys begin with there that are meant."""

    column: str
    key_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The closed set of dimensions of one table: what to group by, and how a value of it reads as text.

    `keyed` are those that go on with a key of the asker's, such as `tag.<key>`, by what they begin with. `values` are
    all that a dimension of a closed set ever has, beside the empty one.
    """

    keys: Mapping[str, str]
    texts: Mapping[str, str]
    keyed: Mapping[str, Keyed] = field(default_factory=dict)
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Every dimension but those with a key."""
        return tuple(self.keys)

    def key(self, name: str, parameter: str) -> str:
        """The SQL expression to group by; `parameter` is the bound name of a key."""
        return self.keys.get(name) or f"{self._keyed(name)[0].column}[{{{parameter}:String}}]"

    def text(self, name: str, parameter: str) -> str:
        """The SQL expression to compare with a filter's text."""
        return self.texts.get(name) or self.key(name, parameter)

    def bound_key(self, name: str) -> str | None:
        """What to bind as the key of a dimension; None where it has none."""
        if name in self.keys:
            return None
        keyed, key = self._keyed(name)
        return keyed.key_prefix + key

    def listed(self, options: Iterable[str] = ()) -> str:
        """The sentence part that lists the options and every dimension."""
        *named, last = (*options, *self.names, *(f"{prefix}<key>" for prefix in self.keyed))
        return f"{', '.join(named)} and {last}" if self.keyed else ", ".join((*named, last))

    def holds(self, name: str) -> bool:
        """Whether `name` is a dimension of this table: one of `names`, or one of `keyed` with a key."""
        return name in self.keys or any(name.startswith(prefix) and name != prefix for prefix in self.keyed)

    def refuse_other(self, name: str, value: str) -> None:
        """Refuse a value that a dimension never has, which would be answered as if there were nothing.

        Raises:
            QuestionError: The dimension is a closed set, and the value is not in it.
        """
        known = self.values.get(name)
        if known and value and value not in known:
            raise QuestionError(f"{name}={value!r} is not allowed; allowed: {', '.join(known)}")

    def _keyed(self, name: str) -> tuple[Keyed, str]:
        prefix = next(prefix for prefix in self.keyed if name.startswith(prefix))
        return self.keyed[prefix], name.removeprefix(prefix)


def _dimensions(
    table: str,
    *,
    time: str,
    columns: Iterable[str],
    keyed: Mapping[str, Keyed],
    values: Mapping[str, tuple[str, ...]] | None = None,
) -> Dimensions:
    minute, hour, day = (f"{cut}({table}.{time})" for cut in ("toStartOfMinute", "toStartOfHour", "toDate"))
    return Dimensions(
        keys={"minute": minute, "hour": hour, "day": day} | {name: f"{table}.{name}" for name in columns},
        texts={"minute": _clock(minute), "hour": _clock(hour), "day": f"toString({day})"},
        keyed=keyed,
        values=values or {},
    )


def _clock(expression: str) -> str:
    return f"formatDateTime({expression}, '%Y-%m-%dT%H:%i:%SZ', 'UTC')"


CHARGES: Final = _dimensions(
    "charges",
    time="time",
    columns=(*_SHARED, "grade", "component"),
    keyed={TAG: Keyed("charges.tags")},
    values={"grade": GRADES},
)
SPANS: Final = _dimensions(
    "spans",
    time="start_time",
    columns=(*_SHARED, "name"),
    keyed={
        TAG: Keyed("spans.attributes", semconv.TAG_PREFIX),
        "attribute.": Keyed("spans.attributes"),
        "resource.": Keyed("spans.resource"),
    },
)
SAVINGS: Final = _dimensions("charges", time="time", columns=_SHARED, keyed={TAG: Keyed("charges.tags")})
DUPLICATES: Final = _dimensions(
    "duplicates",
    time="time",
    columns=("service", "scope", "operation", "provider", "model", "reason"),
    keyed={},
    values={"reason": REASONS},
)
CACHE_REQUESTS: Final = _dimensions(
    "cache_requests",
    time="time",
    columns=("cache", "service", "operation", "provider", "model", "user", "session", "tenant", "feature", "team"),
    keyed={TAG: Keyed("cache_requests.tags")},
)


@dataclass(frozen=True, slots=True)
class Options:
    """What one question understands besides its filters, each with its default as text; some may be given again."""

    dimensions: Dimensions
    defaults: Mapping[str, str]
    repeatable: frozenset[str] = frozenset()

    @property
    def allowed(self) -> str:
        """The sentence part that lists every parameter."""
        return self.dimensions.listed(self.defaults)


@dataclass(frozen=True, slots=True)
class Selection:
    """A checked question: options as text, the period, dimensions to group by, and filters (any of the values)."""

    period: Period
    options: Mapping[str, str]
    group_by: tuple[str, ...] = ()
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def whole(self, name: str, *, least: int, most: int) -> int:
        """Option `name` as a whole number.

        Raises:
            QuestionError: It is none, or lies outside `least` to `most`.
        """
        text = self.options[name]
        if not (text.isascii() and text.isdigit() and len(text) <= 12 and least <= int(text) <= most):
            raise QuestionError(f"{name}={text!r} is not allowed; allowed: a whole number from {least} to {most}")
        return int(text)

    def several(self, name: str) -> tuple[str, ...]:
        """Every value that the repeatable option `name` was given."""
        return tuple(filter(None, self.options[name].split(_AGAIN)))

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """Option `name`, which has to be one of `allowed`.

        Raises:
            QuestionError: It is something else.
        """
        text = self.options[name]
        if text not in allowed:
            raise QuestionError(f"{name}={text!r} is not allowed; allowed: {', '.join(allowed)}")
        return text


def read_selection(query: Iterable[tuple[str, str]], options: Options, *, now: datetime) -> Selection:
    """The selection a query string describes.

    Raises:
        QuestionError: A parameter, dimension or time is not allowed; the message names it and what is.
    """
    given: dict[str, str] = {}
    filters: dict[str, list[str]] = {}
    for name, value in query:
        if len(value) > MAX_LENGTH or len(name) > MAX_LENGTH:
            raise QuestionError(f"{name[:40]} is longer than {MAX_LENGTH} characters")
        if name in options.defaults:
            if name in given and name not in options.repeatable:
                raise QuestionError(f"{name} is given twice, {given[name]!r} and {value!r}; allowed: once")
            given[name] = given[name] + _AGAIN + value if name in given else value
        elif options.dimensions.holds(name):
            options.dimensions.refuse_other(name, value)
            filters.setdefault(name, []).append(value)
        else:
            raise QuestionError(f"unknown parameter {name!r}; allowed: {options.allowed}")
    if sum(map(len, filters.values())) > MAX_VALUES:
        raise QuestionError(f"more than {MAX_VALUES} filter values; ask for fewer at once")
    chosen = {name: given.get(name) or default for name, default in options.defaults.items()}
    return Selection(
        period=read_period(since=chosen["since"], until=chosen["until"], now=now),
        options=chosen,
        group_by=_read_group_by(chosen.get("group_by", ""), options.dimensions),
        filters={name: tuple(values) for name, values in filters.items()},
    )


def read_fields(body: bytes) -> list[tuple[str, str]]:
    """The parameters in a JSON object, as they would stand in a query string; an empty body has none.

    Raises:
        QuestionError: The body is no object of texts, numbers, truth values and lists of them.
    """
    if not body:
        return []
    fields = json_object(body)
    if fields is None:
        raise QuestionError("the body is no JSON object; allowed: none, or the parameters as one")
    return [
        (name, _field(name, value))
        for name, told in fields.items()
        for value in (told if isinstance(told, list) else (told,))
    ]


def _field(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value)
    raise QuestionError(f"{name[:40]} is no text, whole number or truth value")


def _read_group_by(text: str, dimensions: Dimensions) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(","))) if text else ()
    for name in names:
        if not dimensions.holds(name):
            raise QuestionError(f"unknown dimension {name!r}; allowed: {dimensions.listed()}")
    if len(names) > MAX_DIMENSIONS:
        raise QuestionError(f"group_by names {len(names)} dimensions; allowed: up to {MAX_DIMENSIONS}")
    return names


def grouped_by(row: Mapping[str, object], selection: Selection) -> dict[str, str]:
    """The dimensions of a row, in dim_0, dim_1, …: minutes and hours as RFC 3339, days as dates, else as they are."""
    return {name: _text(row[f"dim_{index}"]) for index, name in enumerate(selection.group_by)}


def group_columns(columns: Mapping[str, Sequence[object]], selection: Selection) -> dict[str, list[str]]:
    """The same of whole columns; each value is written once, however many rows it stands in."""
    found: dict[str, list[str]] = {}
    for index, name in enumerate(selection.group_by):
        column = columns.get(f"dim_{index}", ())
        texts = {value: _text(value) for value in set(column)}
        found[name] = [texts[value] for value in column]
    return found


def rows_of(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """The rows of columns of one length, by their names; filling a column at a time takes half the time of rows."""
    names: dict[str, Any] = dict.fromkeys(columns)
    rows = [names.copy() for _ in next(iter(columns.values()), ())]
    for name, column in columns.items():
        for row, value in zip(rows, column, strict=True):
            row[name] = value
    return rows


def _text(value: object) -> str:
    if isinstance(value, datetime):  # naive in UTC where the process runs in UTC, elsewhere aware in its own zone
        return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat(
            timespec="seconds"
        ) + "Z"
    return value.isoformat() if isinstance(value, date) else str(value)
