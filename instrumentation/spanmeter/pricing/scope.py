"""What a dated price entry is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Final

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)
EVERY_DAY: Final = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Scope:
    """The models, the time and the terms of service an entry is about; all but the times are shell patterns.

    An empty tier or region is the standard one, an empty tenant is any.
    """

    provider: str
    models: tuple[str, ...]
    start: datetime = FIRST
    end: datetime = LAST
    service_tier: str = ""
    region: str = ""
    tenant: str = ""
    weekdays: frozenset[int] = EVERY_DAY

    def names(self, provider: str, model: str) -> bool:
        """Whether the entry is about that model, at any time."""
        return fnmatchcase(provider, self.provider) and any(fnmatchcase(model, pattern) for pattern in self.models)

    def holds(self, moment: datetime) -> bool:
        """Whether the entry is in force at that time."""
        return self.start <= moment < self.end and moment.weekday() in self.weekdays

    def serves(self, tenant: str) -> bool:
        """Whether the entry is for that tenant."""
        return not self.tenant or fnmatchcase(tenant, self.tenant)

    def narrowness(self, names: Iterable[tuple[str, str]]) -> tuple[bool, bool, bool, int]:
        """What goes before what among entries that name one of these (provider, model) pairs: the larger."""
        patterns = [pattern for _, name in names for pattern in self.models if fnmatchcase(name, pattern)]
        literal = max((len(pattern) - pattern.count("*") - pattern.count("?") for pattern in patterns), default=0)
        return bool(self.tenant), bool(self.service_tier), bool(self.region), literal

    def __str__(self) -> str:
        """The dates, for people: empty when the entry always holds."""
        since = "" if self.start == FIRST else f"from {_shown(self.start)}"
        until = "" if self.end == LAST else f"until {_shown(self.end)}"
        return " ".join(filter(None, (since, until)))


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}" if moment.hour == moment.minute == 0 else f"{moment:%Y-%m-%dT%H:%MZ}"
