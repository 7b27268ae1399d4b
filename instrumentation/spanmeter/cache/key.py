"""Keys: which calls are the same, whatever their spelling, and in every process.

A key is a digest, so that no argument can be read from it; equal are calls of one function, with equal arguments of
equal types, in an equal part of the running context.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel

from spanmeter import semconv
from spanmeter.scope import current_scope

_AS_THEY_ARE: Final = (str, int, bool, type(None), float)
_BY_TEXT: Final = (Decimal, datetime, date, time, UUID)
_DIMENSIONS: Final[Mapping[str, str]] = {
    "user": semconv.USER_ID,
    "session": semconv.CONVERSATION_ID,
    "tenant": semconv.TENANT,
    "feature": semconv.FEATURE,
    "team": semconv.TEAM,
}
_DIGEST: Final = 20


class Unkeyable(TypeError):  # noqa: N818  reads as what it says of an argument
    """An argument that cannot be part of a key."""


class Calls:
    """Tells the calls of one function apart: `ignored` names parameters that do not matter, such as `self`."""

    def __init__(self, function: Callable[..., Any], *, ignored: Sequence[str], version: str) -> None:
        self._signature = inspect.signature(function)
        unknown = [name for name in ignored if name not in self._signature.parameters]
        if unknown:
            raise TypeError(f"ignore={unknown} is not allowed; allowed: {', '.join(self._signature.parameters)}")
        self._ignored = frozenset(ignored)
        self._name = [function.__module__, function.__qualname__, version]

    def key(self, args: tuple[Any, ...], options: Mapping[str, Any]) -> str:
        """The key of a call, however its arguments were given.

        Raises:
            Unkeyable: An argument is of a type that has no stable text.
            TypeError: The function does not take these arguments.
        """
        bound = self._signature.bind(*args, **options)
        bound.apply_defaults()
        asked = {name: value for name, value in bound.arguments.items() if name not in self._ignored}
        return key_of([*self._name, asked])


def key_of(parts: object) -> str:
    """The key of whatever has a stable text.

    Raises:
        Unkeyable: Something in it has none.
    """
    return hashlib.blake2b(json.dumps(_spelled(parts)).encode(), digest_size=_DIGEST).hexdigest()


def context_of(dimensions: Sequence[str]) -> list[str]:
    """What the running `spanmeter.context` says of these dimensions, "" where it says nothing."""
    attributes = current_scope().attributes
    return [attributes.get(_DIMENSIONS.get(name, semconv.TAG_PREFIX + name), "") for name in dimensions]


def _spelled(value: Any) -> Any:  # noqa: ANN401, PLR0911  one line for each kind of value
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, (list, tuple)):
        return [_spelled(item) for item in value]
    if isinstance(value, Mapping):
        return {"mapping": sorted(([_spelled(key), _spelled(item)] for key, item in value.items()), key=json.dumps)}
    if isinstance(value, (set, frozenset)):
        return {"set": sorted(map(_spelled, value), key=json.dumps)}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": value.hex()}
    if isinstance(value, Enum):
        return {_kind(value): value.name}
    if isinstance(value, _BY_TEXT):
        return {_kind(value): str(value)}
    return {_kind(value): _spelled(_fields(value))}


def _fields(value: Any) -> Mapping[str, Any]:  # noqa: ANN401
    if isinstance(value, BaseModel):
        return value.model_dump()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise Unkeyable(
        f"an argument of type {_kind(value)} cannot be part of a key; name its parameter in ignore=, or give key="
    )


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
