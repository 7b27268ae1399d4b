"""Methods that every class below a root is given replaced, those that are there and those defined later."""

# ruff: noqa: ANN401  a framework's classes

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from spanmeter.barrier import barrier

Wrap = Callable[[Any], Any]


class Classes:
    """The classes below `root`, which replace the methods that `wraps` names by what it makes of them.

    A method that is handed back as it is stays as it is. Classes whose name is in `spared` keep all of theirs.
    """

    def __init__(self, root: type[Any], wraps: Mapping[str, Wrap], *, spared: frozenset[str] = frozenset()) -> None:
        self._root = root
        self._wraps: Final = wraps
        self._spared = spared
        self._originals: dict[tuple[type, str], Any] = {}
        self._on = False

    def replace(self) -> None:
        """Replace the methods of every class there is, and of every class defined from now on. Idempotent."""
        if self._on:
            return
        self._on = True
        for kind in _below(self._root):
            self._replace(kind)
        self._root.__init_subclass__ = self._replacing_new_classes()

    def restore(self) -> None:
        """Put the classes' own methods back."""
        if not self._on:
            return
        self._on = False
        del self._root.__init_subclass__
        while self._originals:
            (kind, name), method = self._originals.popitem()
            setattr(kind, name, method)

    def _replacing_new_classes(self) -> Any:
        root, replace = self._root, barrier(self._replace)

        def replace_new_class(cls: type[Any], /, **options: Any) -> None:
            super(root, cls).__init_subclass__(**options)
            replace(cls)

        return classmethod(replace_new_class)

    def _replace(self, kind: type) -> None:
        if kind.__name__ in self._spared:
            return
        for name, wrap in self._wraps.items():
            method = vars(kind).get(name)
            if callable(method) and (kind, name) not in self._originals:
                self._originals[kind, name] = method
                setattr(kind, name, wrap(method))


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for below in kind.__subclasses__():
        yield below
        yield from _below(below)
