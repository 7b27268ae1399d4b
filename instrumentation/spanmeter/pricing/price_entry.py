"""One table of a price file, read key by key; what is wrong in it is noted, and reading goes on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

from spanmeter.pricing.key_lines import Path, line_of
from spanmeter.pricing.names import platform, provider_id
from spanmeter.pricing.rates import Rate
from spanmeter.pricing.scope import FIRST, LAST, Scope

_LARGEST: Final = Decimal(10**9)
_NUMBER: Final = "a number from 0 to 1000000000, without quotes"
_STEPS: Final = f"{_NUMBER}, or steps such as [[0, 1.25], [200000, 2.5]]"
_SCOPE_KEYS: Final = ("provider", "model", "models", "tenant", "service_tier", "region", "start", "end", "note")


@dataclass(slots=True)
class Entry:
    """A table such as `[[price]]`, with the lines of its keys."""

    path: Path
    values: Mapping[str, object]
    lines: dict[Path, int]
    problems: list[tuple[int, str]] = field(default_factory=list)

    @property
    def line(self) -> int:
        """Where it begins."""
        return line_of(self.lines, self.path)

    def wrong(self, key: str, what: str, allowed: str) -> None:
        """Note that a key (`a` or `a.b`) is wrong."""
        line = line_of(self.lines, (*self.path, *key.split(".")))
        self.problems.append((line, f"key {key!r}: {what}; allowed: {allowed}"))

    def check_keys(self, own: Collection[str]) -> None:
        """Note the keys that this kind of table does not have."""
        allowed = (*_SCOPE_KEYS, *own)
        for key in self.values.keys() - set(allowed):
            self.wrong(key, f"[[{self.path[0]}]] has no such key", ", ".join(allowed))

    def scope(self, *, any_model: bool = False) -> Scope:
        """What the table is about; `any_model` says that it need not name a model."""
        start, end = self._moment("start", FIRST), self._moment("end", LAST)
        if end <= start:
            self.wrong("end", "it is not after 'start'", "the first day that is not meant, after 'start'")
        provider = self.text("provider", needed=True)
        return Scope(
            provider=platform(provider) or provider_id(provider),
            models=self._models(any_model=any_model),
            start=start,
            end=end,
            service_tier=self.text("service_tier").lower(),
            region=self.text("region").lower(),
            tenant=self.text("tenant"),
        )

    def text(self, key: str, *, needed: bool = False) -> str:
        """A text, "" where there is none."""
        value = self.values.get(key, "" if needed else None)
        if value is None:
            return ""
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.wrong(key, _missing(key in self.values, value), "a text in quotes")
        return ""

    def truth(self, key: str) -> bool:
        """True or false, false where nothing is said."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            self.wrong(key, f"it is {_shown(value)}", "true or false")
        return value is True

    def texts(self, key: str, allowed: Collection[str]) -> tuple[str, ...]:
        """A list of some of the allowed texts."""
        value = self.values.get(key, [])
        listed = value if isinstance(value, list) else [value]
        for each in listed:
            if each not in allowed:
                self.wrong(key, f"there is no {each!r}", f"a list of {', '.join(allowed)}")
        return tuple(str(each) for each in listed if each in allowed)

    def table(self, key: str, allowed: Collection[str]) -> dict[str, Rate]:
        """Prices by bucket, steps included."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            self.wrong(key, f"it is {_shown(value)}", "a table such as { input = 2.5, output = 10 }")
            return {}
        for bucket in value.keys() - set(allowed):
            self.wrong(f"{key}.{bucket}", "there is no such bucket", ", ".join(allowed))
        return {bucket: self._rate(f"{key}.{bucket}", each) for bucket, each in value.items() if bucket in allowed}

    def number(self, key: str, *, most: Decimal = _LARGEST, positive: bool = False) -> Decimal | None:
        """A number, None where there is none."""
        if key not in self.values:
            return None
        value = _number(self.values[key])
        if value is None or value > most or (positive and not value):
            self.wrong(
                key, f"it is {_shown(self.values[key])}", f"a number {'above' if positive else 'from'} 0, up to {most}"
            )
            return None
        return value

    def _rate(self, key: str, value: object) -> Rate:
        number = _number(value)
        if number is not None:
            return Rate(number)
        steps = value if isinstance(value, list) else []
        pairs = [_pair(step) for step in steps]
        known = [pair for pair in pairs if pair is not None]
        thresholds = [threshold for threshold, _ in known]
        if not pairs or len(known) < len(pairs) or thresholds[0] or thresholds != sorted(set(thresholds)):
            self.wrong(key, f"it is {_shown(value)}", _STEPS)
            return Rate(Decimal(0))
        return Rate(known[0][1], tuple(known[1:]))

    def _models(self, *, any_model: bool) -> tuple[str, ...]:
        given = [self.values[key] for key in ("model", "models") if key in self.values]
        if len(given) == 2:
            self.wrong("models", "there is 'model' too", "one of both")
        if not given and any_model:
            return ("*",)
        listed = given[0] if given else None
        models = listed if isinstance(listed, list) else [listed]
        names = tuple(name.strip().lower() for name in models if isinstance(name, str) and name.strip())
        if not names or len(names) < len(models):
            key = "models" if "models" in self.values else "model"
            self.wrong(
                key, _missing(bool(given), listed), 'a name or pattern in quotes such as "gpt-4o*", or a list of them'
            )
        return names

    def _moment(self, key: str, default: datetime) -> datetime:
        value = self.values.get(key, default)
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        if isinstance(value, date):
            return datetime.combine(value, time(0), UTC)
        self.wrong(
            key,
            f"it is {_shown(value)}",
            "a date such as 2026-01-31 or a time such as 2026-01-31T09:00:00Z, without quotes",
        )
        return default


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    return number if number.is_finite() and 0 <= number <= _LARGEST else None


def _pair(step: object) -> tuple[int, Decimal] | None:
    if not isinstance(step, list) or len(step) != 2:
        return None
    threshold, price = step[0], _number(step[1])
    if isinstance(threshold, bool) or not isinstance(threshold, int) or threshold < 0 or price is None:
        return None
    return threshold, price


def _missing(is_given: bool, value: object) -> str:  # noqa: FBT001
    return f"it is {_shown(value)}" if is_given else "it is missing"


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal | int):
        return f"{value:.20}" if isinstance(value, Decimal) else str(value)[:40]
    return "a list" if isinstance(value, list) else "a table" if isinstance(value, dict) else str(value)[:40]
