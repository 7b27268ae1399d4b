"""What a check found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Self

Level = Literal["ok", "skipped", "warning", "problem"]
NO_CLIENT: Final = "not installed: skipped"
"""How the finding begins that names the clients which nothing could be replayed through."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination; `advice` says what to do, empty where nothing is to be done."""

    check: str
    level: Level
    text: str
    advice: str = ""

    @classmethod
    def ok(cls, check: str, text: str) -> Self:
        """All is well."""
        return cls(check, "ok", text)

    @classmethod
    def skipped(cls, check: str, text: str) -> Self:
        """There was nothing to check."""
        return cls(check, "skipped", text)

    @classmethod
    def warning(cls, check: str, text: str, advice: str) -> Self:
        """Figures are right, but may not stay so or may surprise."""
        return cls(check, "warning", text, advice)

    @classmethod
    def problem(cls, check: str, text: str, advice: str) -> Self:
        """Figures are wrong or missing until something is done."""
        return cls(check, "problem", text, advice)

    def as_json(self) -> dict[str, Any]:
        """The finding as JSON has it."""
        return asdict(self)
