"""Keys tell calls apart by function, arguments, types and context, and by nothing else."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel

import spanmeter
from spanmeter.cache.key import Calls, Unkeyable, context_of, key_of


class Depth(Enum):
    SHALLOW = 1


@dataclass
class Filter:
    name: str


class Model(BaseModel):
    name: str


class Other(BaseModel):
    name: str


def search(question: str, top_k: int = 4, *, where: Any = None) -> str:
    return f"{question} {top_k} {where}"


def find(question: str, top_k: int = 4, *, where: Any = None) -> str:
    return f"{question} {top_k} {where}"


def key(*args: Any, function: Any = search, ignored: tuple[str, ...] = (), version: str = "", **options: Any) -> str:
    return Calls(function, ignored=ignored, version=version).key(args, options)


def test_one_call_has_one_key_however_it_is_written() -> None:
    assert len({key("a"), key("a", 4), key(question="a", top_k=4), key("a", where=None)}) == 1


DIFFERENT = (
    "a",
    "1",
    1,
    1.0,
    True,
    None,
    b"a",
    ["a"],
    {"a": 1},
    [["a", 1]],
    {"a"},
    Decimal(1),
    Depth.SHALLOW,
    datetime(2026, 1, 1, tzinfo=UTC),
    Filter("a"),
    Model(name="a"),
    Other(name="a"),
    {"mapping": [["a", 1]]},
    {"set": ["a"]},
)


def test_what_differs_in_value_or_type_has_another_key() -> None:
    assert len({key("a", where=value) for value in DIFFERENT}) == len(DIFFERENT)


def test_another_function_or_version_has_another_key() -> None:
    assert len({key("a"), key("a", function=find), key("a", version="2")}) == 3


def test_the_order_of_a_mapping_and_a_set_does_not_matter() -> None:
    assert key("a", where={"b": 1, "a": {3, 20}}) == key("a", where={"a": {20, 3}, "b": 1})


def test_an_ignored_parameter_does_not_matter() -> None:
    assert key("a", 4, ignored=("top_k",)) == key("a", 5, ignored=("top_k",))


def test_an_ignored_parameter_has_to_be_there() -> None:
    with pytest.raises(TypeError, match=r"ignore=\['self'\] is not allowed; allowed: question, top_k, where"):
        key("a", ignored=("self",))


@pytest.mark.parametrize("value", [object(), Depth, search, {"a": [object()]}])
def test_what_has_no_stable_text_cannot_be_part_of_a_key(value: Any) -> None:
    with pytest.raises(Unkeyable, match=r"cannot be part of a key; name its parameter in ignore="):
        key("a", where=value)


def test_a_key_is_the_same_in_every_process_and_tells_nothing() -> None:
    told = "from spanmeter.cache.key import key_of; print(key_of(['secret', {'b': 1, 'a': {3, 20}}]))"
    other = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)

    assert (
        other.stdout.strip() == key_of(["secret", {"b": 1, "a": {3, 20}}]) == "cb67e4de40d3ead5ffafb03225c105747e8e8cd4"
    )


def test_the_context_is_read_by_its_dimensions() -> None:
    with spanmeter.context(tenant="acme", user="u1", plan="gold"):
        assert context_of(("tenant", "user", "plan", "team")) == ["acme", "u1", "gold", ""]
    assert context_of(("tenant",)) == [""]
