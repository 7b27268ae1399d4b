"""Colours that name things: the same value has the same colour on every page, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def colours(values: Iterable[str]) -> dict[str, str]:
    """A colour for each value, from its name; two values share one only when there are more values than colours."""
    chosen: dict[str, str] = {}
    free = list(CATEGORICAL)
    for value in sorted(set(values)):
        if value in {"", OTHER}:
            chosen[value] = NEUTRAL
            continue
        free = free or list(CATEGORICAL)
        wanted = CATEGORICAL[crc32(value.encode()) % len(CATEGORICAL)]
        chosen[value] = wanted if wanted in free else free[0]
        free.remove(chosen[value])
    return chosen


def of_operation(operation: str) -> str:
    """The colour of an operation; steps that only hold others together are neutral."""
    return OPERATIONS.get(operation, NEUTRAL)


def shade(colour: str, step: int) -> str:
    """A lighter relative of a colour, for the parts of one thing; step 0 is the colour itself."""
    paler = 1 - 0.72**step
    channels = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(channel + (235 - channel) * paler):02x}" for channel in channels)
