"""The parts of a call that are billed apart, as our instrumentation spells them in one attribute.

A JSON list with an object for each part: its filled buckets of usage, and `model` where that is not the call's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any, Final

import orjson

from spanmeter.pricing import Usage
from spanmeter.pricing.reading import Part
from spanmeter.pricing.usage import BUCKETS
from spanmeter_collector.otlp import Value

_BUCKETS: Final = frozenset(BUCKETS)
_MOST_TOKENS: Final = 10**12


class PartsError(ValueError):
    """What is wrong with the parts."""


def read_parts(said: Value, *, usage: Usage | None) -> tuple[Part, ...]:
    """The parts, which together are the usage of the call.

    Raises:
        PartsError: The value is none of ours, or the parts are not the usage.
    """
    parts = tuple(map(_part, _list(said)))
    whole = reduce(add, (part.usage for part in parts))
    if whole != usage:
        raise PartsError(f"parts ignored: they are {whole.filled()} together, the usage {usage and usage.filled()}")
    return parts


def _list(said: Value) -> list[Any]:
    try:
        listed = orjson.loads(said) if isinstance(said, str) else None
    except orjson.JSONDecodeError:
        listed = None
    if not isinstance(listed, list) or not listed:
        raise PartsError("parts ignored: they are no list")
    return listed


def _part(told: Any) -> Part:  # noqa: ANN401  a sender can write anything
    counts = {**told} if isinstance(told, Mapping) else {"": told}
    model = counts.pop("model", "")
    if not isinstance(model, str) or not counts or not all(map(_is_count, counts.items())):
        raise PartsError("parts ignored: one of them is no model with counts of tokens")
    return Part(Usage(**counts), model)


def _is_count(named: tuple[str, Any]) -> bool:
    bucket, count = named
    return bucket in _BUCKETS and type(count) is int and 0 <= count <= _MOST_TOKENS
