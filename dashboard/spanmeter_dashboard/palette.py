"""Colours that name things: the same value has the same colour on every page, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from types import MappingProxyType
from zlib import crc32

CATEGORICAL = (
    "#4c7ce0",
    "#e8a317",
    "#22a699",
    "#a463f2",
    "#e56b9f",
    "#5aa845",
    "#5eb5f0",
    "#a8724f",
    "#c2b83a",
    "#7d6bd9",
)
NEUTRAL = "#8b93a1"
ERROR = "#e5484d"
WAITING = "#f0a04b"
OTHER = "other"
_MOST_REMEMBERED = 1000

OPERATIONS: Mapping[str, str] = MappingProxyType(
    {
        "chat": "#4c7ce0",
        "text_completion": "#4c7ce0",
        "generate_content": "#4c7ce0",
        "synthesize": "#7d6bd9",
        "embeddings": "#22a699",
        "retrieval": "#e8a317",
        "rerank": "#e56b9f",
        "execute_tool": "#a8724f",
        "invoke_agent": "#a463f2",
        "invoke_workflow": "#a463f2",
        "query": "#a463f2",
    }
)


class Register:
    """Gives the values of one dimension their colours and remembers them, so that they keep them on every page.

    A value prefers the colour that follows from its name. Only where one picture would show a colour twice does a
    value step aside, for that picture.
    """

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._lock = Lock()

    def colours(self, values: Iterable[str]) -> dict[str, str]:
        """A colour for each value of a picture; two share one only when there are more values than colours."""
        chosen: dict[str, str] = {}
        with self._lock:
            for value in dict.fromkeys(values):
                chosen[value] = NEUTRAL if value in {"", OTHER} else self._colour(value, set(chosen.values()))
        return chosen

    def _colour(self, value: str, taken: set[str]) -> str:
        if value not in self._given:
            self._remember(value, _choice(value, set(self._given.values()) | taken))
        colour = self._given[value]
        return colour if colour not in taken else _choice(value, taken)

    def _remember(self, value: str, colour: str) -> None:
        if len(self._given) >= _MOST_REMEMBERED:
            del self._given[next(iter(self._given))]
        self._given[value] = colour


def _choice(value: str, taken: set[str]) -> str:
    preferred = CATEGORICAL[crc32(value.encode()) % len(CATEGORICAL)]
    free = [colour for colour in CATEGORICAL if colour not in taken]
    return preferred if preferred in free or not free else free[0]


def of_operation(operation: str) -> str:
    """The colour of an operation; steps that only hold others together are neutral."""
    return OPERATIONS.get(operation, NEUTRAL)


def shade(colour: str, step: int) -> str:
    """A lighter relative of a colour, for the parts of one thing; step 0 is the colour itself."""
    paler = 1 - 0.72**step
    channels = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(channel + (235 - channel) * paler):02x}" for channel in channels)
