"""The definition of a budget, as code, the sidecar's file and its API write it: one set of rules and of errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, Self, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfoNotFoundError

from spanmeter.budget_period import PERIODS, PeriodName, zone

Action = Literal["stop", "warn", "downgrade"]
OnUnknown = Literal["allow", "stop"]
ACTIONS: Final[tuple[Action, ...]] = ("stop", "warn", "downgrade")
ON_UNKNOWN: Final[tuple[OnUnknown, ...]] = ("allow", "stop")
DIMENSIONS: Final = ("user", "session", "tenant", "feature", "team", "service", "provider", "model", "operation")
TAG: Final = "tag."
THRESHOLDS: Final = (Decimal("0.5"), Decimal("0.8"), Decimal(1))
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_USD: Final = Decimal(10) ** 15
_MOST_THRESHOLD: Final = Decimal(10)
_MOST_LISTED: Final = 100
_LONGEST: Final = 1000

C = TypeVar("C", bound=str)


class DefinitionError(ValueError):
    """A budget cannot be defined like this; the message says which field, which value, and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetDefinition:
    """What a budget allows, to whom, for how long, and what happens when it is spent.

    `scope` names who it is for, by the dimensions of `spanmeter.context`, and for what: service, provider, requested
    model and operation; tags stand there as `tag.<name>`. Without any it is for all calls. `thresholds` are shares of
    the limit at which the sidecar tells, once in a period.
    """

    name: str
    limit_usd: Decimal
    period: PeriodName = "day"
    timezone: str = "UTC"
    scope: Mapping[str, str] = field(default_factory=dict)
    action: Action = "stop"
    downgrade: Mapping[str, str] = field(default_factory=dict)
    on_unknown: OnUnknown = "allow"
    thresholds: tuple[Decimal, ...] = THRESHOLDS
    webhook: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, name: object, told: Mapping[str, Any]) -> Self:
        """The definition that fields describe: amounts are texts, whole numbers or decimals, the rest as in the class.

        Raises:
            DefinitionError: A field is unknown or missing, or its value is not allowed.
        """
        for key in told:
            if key not in _READERS:
                raise DefinitionError(f"there is no field {key!r}; allowed: {', '.join(_READERS)}")
        if "limit_usd" not in told:
            raise DefinitionError('limit_usd is missing; expected US dollars such as "25"')
        read = {key: _READERS[key](key, value) for key, value in told.items()}
        definition = cls(name=_name(name), **read)
        definition._check_downgrade()
        return definition

    def as_fields(self) -> dict[str, Any]:
        """The same as values that JSON knows, amounts as decimal texts; `of` reads them back."""
        return {
            "limit_usd": f"{self.limit_usd:f}",
            "period": self.period,
            "timezone": self.timezone,
            "scope": dict(self.scope),
            "action": self.action,
            "downgrade": dict(self.downgrade),
            "on_unknown": self.on_unknown,
            "thresholds": [f"{threshold:f}" for threshold in self.thresholds],
            "webhook": self.webhook,
        }

    def _check_downgrade(self) -> None:
        if self.action == "downgrade" and not self.downgrade:
            raise DefinitionError('downgrade is missing; expected models such as {"gpt-4o": "gpt-4o-mini"}')
        if self.action != "downgrade" and self.downgrade:
            raise DefinitionError(f'downgrade needs action="downgrade", and action is {self.action!r}')


def _name(value: object) -> str:
    if not (isinstance(value, str) and _NAME.fullmatch(value)):
        allowed = "up to 64 letters, digits, dots, dashes and underscores, a letter or digit first"
        raise DefinitionError(f"name={_shown(value)} is no name of a budget; allowed: {allowed}")
    return value


def _usd(key: str, value: object) -> Decimal:
    allowed = 'US dollars above 0 with up to 12 decimals, such as "25" or "0.5"'
    return _decimal(key, value, most=_MOST_USD, allowed=allowed)


def _decimal(key: str, value: object, *, most: Decimal, allowed: str) -> Decimal:
    refusal = DefinitionError(f"{key}={_shown(value)} is not allowed; allowed: {allowed}, as text, whole or Decimal")
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise refusal
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise refusal from None
    if not (number.is_finite() and 0 < number <= most and number == round(number, 12)):
        raise refusal
    return Decimal(f"{number.normalize():f}")


def _one_of(choices: Iterable[C]) -> Callable[[str, object], C]:
    allowed = tuple(choices)

    def read(key: str, value: object) -> C:
        for choice in allowed:
            if value == choice:
                return choice
        raise DefinitionError(f"{key}={_shown(value)} is not allowed; allowed: {', '.join(allowed)}")

    return read


def _timezone(key: str, value: object) -> str:
    try:
        if isinstance(value, str) and value:
            zone(value)
            return value
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise DefinitionError(f"{key}={_shown(value)} is no time zone; allowed: IANA names such as UTC or Europe/Berlin")


def _scope(key: str, value: object) -> dict[str, str]:
    read: dict[str, str] = {}
    for name, wanted in _texts(key, value, 'dimensions such as {"tenant": "acme"}').items():
        if name == TAG:
            raise DefinitionError(f"{key} names {name!r}; allowed: {', '.join(DIMENSIONS)} and tag.<name>")
        spelled = name if name in DIMENSIONS or name.startswith(TAG) else f"{TAG}{name}"
        read[spelled] = wanted
    return dict(sorted(read.items()))


def _models(key: str, value: object) -> dict[str, str]:
    read = _texts(key, value, 'models such as {"gpt-4o": "gpt-4o-mini"}')
    for model in read:
        path = [model]
        while (other := read.get(path[-1])) is not None:
            path.append(other)
            if other in path[:-1]:
                raise DefinitionError(
                    f"{key} goes round: {' -> '.join(path)}; expected models that end at the cheapest"
                )
    return read


def _texts(key: str, value: object, allowed: str) -> dict[str, str]:
    refusal = DefinitionError(f"{key}={_shown(value)} is not allowed; allowed: {allowed}")
    if not isinstance(value, Mapping) or len(value) > _MOST_LISTED:
        raise refusal
    for text in (*value.keys(), *value.values()):
        if not (isinstance(text, str) and 0 < len(text) <= _LONGEST):
            raise refusal
    return dict(value)


def _thresholds(key: str, value: object) -> tuple[Decimal, ...]:
    allowed = 'shares of the limit above 0 and up to 10, such as "0.5", "0.8" and "1"'
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise DefinitionError(f"{key}={_shown(value)} is no list; allowed: {allowed}")
    shares = {_decimal(key, share, most=_MOST_THRESHOLD, allowed=allowed) for share in value}
    if len(shares) > _MOST_LISTED:
        raise DefinitionError(f"{key} lists {len(shares)} shares; allowed: up to {_MOST_LISTED}")
    return tuple(sorted(shares))


def _webhook(key: str, value: object) -> str | None:
    """The address may hold a secret, so no error shows it."""
    if value is None or _is_address(value):
        return None if value is None else str(value)
    raise DefinitionError(f"{key} is no address; allowed: http://… or https://…, or none")


def _is_address(value: object) -> bool:
    if not (isinstance(value, str) and len(value) <= _LONGEST and value.isascii() and value.isprintable()):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port above 65535, half an IPv6 address
        return False


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


_READERS: Final[Mapping[str, Callable[[str, object], Any]]] = {
    "limit_usd": _usd,
    "period": _one_of(PERIODS),
    "timezone": _timezone,
    "scope": _scope,
    "action": _one_of(ACTIONS),
    "downgrade": _models,
    "on_unknown": _one_of(ON_UNKNOWN),
    "thresholds": _thresholds,
    "webhook": _webhook,
}
