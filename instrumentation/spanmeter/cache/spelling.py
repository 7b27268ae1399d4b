"""Spells values for keys: equal values of one type alike, and in every process; different ones never.

What has no such spelling is refused rather than guessed: an object's `repr` and a pickle tell of its insides what its
equality may not, or leave out what it does.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel


class Unkeyable(TypeError):  # noqa: N818  reads as what it says of an argument
    """An argument that cannot be part of a key."""


def spell(value: Any) -> bytes:  # noqa: ANN401
    """Spell a value so that it ends where it ends: spellings may be joined.

    Raises:
        Unkeyable: It, or something in it, has no stable spelling.
    """
    known = _SPELLERS.get(type(value))
    return known(value) if known is not None else _kinds(value)


def _text(value: str) -> bytes:
    written = value.encode("utf-8", "surrogatepass")
    return b"s%d:%b" % (len(written), written)


def _bytes(value: bytes | bytearray) -> bytes:
    return b"b%d:%b" % (len(value), bytes(value))


def _sequence(tag: bytes) -> Callable[[Iterable[Any]], bytes]:
    return lambda value: tag + b"".join(map(spell, value)) + b";"


def _mapping(value: Mapping[Any, Any]) -> bytes:
    return b"d" + b"".join(sorted(spell(key) + spell(item) for key, item in value.items())) + b";"


def _set(value: Iterable[Any]) -> bytes:
    return b"e" + b"".join(sorted(map(spell, value))) + b";"


def _kinds(value: Any) -> bytes:  # noqa: ANN401
    """Spell with its class what has the spelling of something plain inside."""
    kind = type(value)
    return b"o" + _text(f"{kind.__module__}.{kind.__qualname__}") + spell(_inside(value))


def _inside(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Enum):
        return value.value if isinstance(value, Flag) else value.name
    known = _INSIDES.get(type(value))
    if known is not None:
        return known(value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, BaseModel):
        return _model(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return tuple(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and _is_equal_by_fields(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.compare}
    kind = type(value)
    raise Unkeyable(
        f"an argument of type {kind.__module__}.{kind.__qualname__} has no stable spelling; "
        "name its parameter in ignore= if it does not matter"
    )


def _model(value: BaseModel) -> Any:  # noqa: ANN401
    """Spell what pydantic compares; `model_dump` would leave out what a field's value has beyond the field's type."""
    fields = {name: value.__dict__[name] for name in type(value).model_fields if name in value.__dict__}
    return [fields, value.__pydantic_extra__, value.__pydantic_private__]


def _is_equal_by_fields(value: Any) -> bool:  # noqa: ANN401
    return bool(value.__dataclass_params__.eq)


def _moment(value: datetime | time) -> Any:  # noqa: ANN401
    """Spell a time with its zone: two zones may have one offset today and two tomorrow."""
    return [str(value), value.fold, str(value.tzinfo)]


_SPELLERS: Final[Mapping[type, Callable[[Any], bytes]]] = {
    str: _text,
    int: lambda value: b"i%x;" % value,
    bool: lambda value: b"T" if value else b"F",
    type(None): lambda _: b"N",
    float: lambda value: b"f%b;" % value.hex().encode(),
    bytes: _bytes,
    bytearray: lambda value: b"a" + _bytes(value),
    list: _sequence(b"l"),
    tuple: _sequence(b"t"),
    dict: _mapping,
    set: _set,
    frozenset: lambda value: b"z" + _set(value),
}
_INSIDES: Final[Mapping[type, Callable[[Any], Any]]] = {
    Decimal: str,
    date: str,
    timedelta: lambda value: [value.days, value.seconds, value.microseconds],
    UUID: str,
    datetime: _moment,
    time: _moment,
    OrderedDict: lambda value: list(value.items()),
    Counter: dict,
    defaultdict: dict,
    MappingProxyType: dict,
}
