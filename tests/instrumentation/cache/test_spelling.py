"""Values are spelled alike where they are equal and of one type, and nowhere else."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from langchain_core.documents import Document
from pydantic import BaseModel, PrivateAttr

from spanmeter.cache.spelling import Unkeyable, spell


class Depth(Enum):
    SHALLOW = 1


class Number(IntEnum):
    ONE = 1


class Right(Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Filter:
    name: str
    used: int = field(default=0, compare=False)


@dataclass(eq=False)
class Handle:
    name: str


class Model(BaseModel):
    name: str
    _seen: int = PrivateAttr(default=0)


class Other(BaseModel):
    name: str


class Rich(Other):
    more: str


class Holder(BaseModel):
    held: Other


DIFFERENT = (
    "a",
    "1",
    1,
    1.0,
    -0.0,
    0.0,
    True,
    None,
    b"a",
    bytearray(b"a"),
    ["a"],
    ("a",),
    [["a"]],
    ["a", []],
    [["a", []]],
    ["s1:a"],
    {"a": 1},
    [["a", 1]],
    {"a"},
    frozenset({"a"}),
    Decimal(1),
    Decimal("1.0"),
    Depth.SHALLOW,
    Number.ONE,
    Right.READ | Right.WRITE,
    Right.READ,
    Point(1, 2),
    (1, 2),
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(0), "GMT")),
    datetime(2026, 1, 1),  # noqa: DTZ001
    datetime(2026, 1, 1, fold=1),  # noqa: DTZ001
    date(2026, 1, 1),
    time(1),
    timedelta(1),
    UUID(int=1),
    PurePosixPath("a"),
    Filter("a"),
    Filter("b"),
    Model(name="a"),
    Other(name="a"),
    Holder(held=Other(name="a")),
    Holder(held=Rich(name="a", more="b")),
    Holder(held=Rich(name="a", more="c")),
    Document("a", metadata={"page": 1}),
    Document("a", metadata={"page": 2}),
    OrderedDict(a=1, b=2),
    OrderedDict(b=2, a=1),
    Counter("a"),
    defaultdict(int, a=1),
    MappingProxyType({"a": 1}),
    -(2**70),
    2**20_000,
    "\ud800",
)


def test_what_differs_in_value_or_type_is_spelled_differently() -> None:
    assert len({spell(value) for value in DIFFERENT}) == len(DIFFERENT)


def test_what_is_inside_cannot_be_mistaken_for_what_is_around() -> None:
    said = [("ab", "c"), ("a", "bc"), ("abc",), ("a;", "bc"), (("a",), "bc"), ("a", ("bc",))]

    assert len({b"".join(map(spell, values)) for values in said}) == len(said)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"b": 1, "a": {3, 20}}, {"a": {20, 3}, "b": 1}),
        (Filter("a", used=1), Filter("a", used=2)),
        (Document("a", metadata={"b": 1, "c": 2}), Document("a", metadata={"c": 2, "b": 1})),
        (float("nan"), float("nan")),
    ],
    ids=["order", "a field that is not compared", "models", "not a number"],
)
def test_what_is_equal_is_spelled_alike(one: Any, other: Any) -> None:
    assert spell(one) == spell(other)


def test_what_pydantic_compares_counts() -> None:
    one, other = Model(name="a"), Model(name="a")
    other._seen = 1

    assert (one == other, spell(one) == spell(other)) == (False, False)


class Words(list[str]):
    language = "en"


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [object(), Depth, spell, {"a": [object()]}, Handle("a"), Words(["a"]), Text("a"), threading.Lock(), iter("a")],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_stable_spelling_is_refused(value: Any) -> None:
    with pytest.raises(Unkeyable, match=r"has no stable spelling; name its parameter in ignore="):
        spell(value)
