"""Questions people ask about the Python language, some of them again in the same or in other words."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def questions() -> tuple[str, ...]:
    """Return the questions in the order in which they are asked."""
    text = files(__package__).joinpath("questions.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())
