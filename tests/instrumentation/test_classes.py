"""Methods of classes are replaced below a root, whenever they are defined, and put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spanmeter.classes import Classes


def louder(method: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda self: f"{method(self)}!"


class Root:
    def say(self) -> str:
        return "root"


class Known(Root):
    def say(self) -> str:
        return "known"


class Heir(Known):
    pass


class Spared(Root):
    def say(self) -> str:
        return "spared"


def said(*kinds: type[Root]) -> list[str]:
    return [kind().say() for kind in kinds]


def test_classes_below_a_root_have_their_methods_replaced_once_and_put_back() -> None:
    classes = Classes(Root, {"say": louder, "missing": louder}, spared=frozenset({"Spared"}))
    own = Known.say
    classes.replace()
    classes.replace()

    class Later(Root):
        def say(self) -> str:
            return "later"

    kinds = (Root, Known, Heir, Spared, Later)
    assert said(*kinds) == ["root", "known!", "known!", "spared", "later!"]
    classes.restore()
    assert said(*kinds) == ["root", "known", "known", "spared", "later"]
    assert (Known.say, "__init_subclass__" in vars(Root)) == (own, False)
    classes.restore()
