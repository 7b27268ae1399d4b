"""Keys tell calls apart by function, arguments, types and context, and by nothing else."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import spanmeter
from spanmeter.cache.key import Calls, Context, Unkeyable, key_of

TENANT = Context(("tenant",))


def search(question: str, top_k: int = 4, *, where: Any = None) -> str:
    return f"{question} {top_k} {where}"


def find(question: str, top_k: int = 4, *, where: Any = None) -> str:
    return f"{question} {top_k} {where}"


def gather(question: str, /, *more: str, **others: str) -> str:
    return f"{question} {more} {others}"


def key(*args: Any, function: Any = search, ignored: tuple[str, ...] = (), **options: Any) -> str:
    identity = [function.__module__, function.__qualname__]
    return Calls(function, identity=identity, context=TENANT, ignored=ignored).key(args, options)


def test_one_call_has_one_key_however_it_is_written() -> None:
    assert len({key("a"), key("a", 4), key(question="a", top_k=4), key("a", where=None)}) == 1


def test_further_arguments_count_too() -> None:
    said = [key("a", "b", function=gather), key("a", b="b", function=gather), key("a", c="b", function=gather)]

    assert len({*said, key("a", function=gather)}) == 4
    assert key("a", "b", c="d", e="f", function=gather) == key("a", "b", e="f", c="d", function=gather)


def test_another_function_has_another_key() -> None:
    assert key("a") != key("a", function=find)


def test_an_ignored_parameter_does_not_matter() -> None:
    assert key("a", 4, ignored=("top_k",)) == key("a", 5, ignored=("top_k",))


def test_an_ignored_parameter_has_to_be_there() -> None:
    with pytest.raises(TypeError, match=r"ignore=\['self'\] is not allowed; allowed: question, top_k, where"):
        key("a", ignored=("self",))


@pytest.mark.parametrize("args", [(), ("a", 4, "b")], ids=["too few", "too many"])
def test_wrong_arguments_have_no_key(args: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="argument"):
        key(*args)


def test_an_unknown_option_has_no_key() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'model'"):
        key("a", model="b")


def test_an_argument_that_holds_itself_has_no_key() -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(Unkeyable, match="an argument holds itself, or is nested too deep"):
        key("a", where=endless)


def test_a_key_is_the_same_in_every_process_and_tells_nothing() -> None:
    told = (
        "from spanmeter.cache.key import Context, key_of; "
        "print(key_of(['secret', {'b': 1, 'a': {3, 20}}], context=Context(('tenant',))))"
    )
    other = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    mine = key_of(["secret", {"b": 1, "a": {3, 20}}], context=TENANT)

    assert (other.stdout.strip(), len(mine), set(mine) <= set("0123456789abcdef")) == (mine, 40, True)


def test_the_context_is_read_by_its_dimensions() -> None:
    context = Context(("tenant", "user", "plan", "team"))
    with spanmeter.context(tenant="acme", user="u1", plan="gold"):
        assert context.spelled() == b"s4:acmes2:u1s4:golds0:"
    assert context.spelled() == b"s0:" * 4
