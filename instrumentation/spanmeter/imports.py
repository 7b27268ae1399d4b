"""Waits for a module to be imported, so that nobody pays for frameworks the application does not use."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from spanmeter.barrier import barrier


class Waiting(MetaPathFinder):
    """Runs an action once a module has been imported, at once when it already is."""

    def __init__(self) -> None:
        self._actions: dict[str, Callable[[], None]] = {}
        self._looking: set[tuple[int, str]] = set()
        sys.meta_path.insert(0, self)

    def when_imported(self, module: str, action: Callable[[], None]) -> None:
        """Run `action` after `module` has been executed."""
        if module in sys.modules:
            action()
        else:
            self._actions[module] = action

    def close(self) -> None:
        """Stop waiting."""
        self._actions.clear()
        sys.meta_path.remove(self)

    @barrier
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find an awaited module as everybody else does, and have its execution followed by the action."""
        looked_for = (threading.get_ident(), fullname)
        if fullname not in self._actions or looked_for in self._looking:  # by another finder that asks all others
            return None
        self._looking.add(looked_for)
        try:
            others = (finder for finder in sys.meta_path if finder is not self)
            spec = next(filter(None, (finder.find_spec(fullname, path, target) for finder in others)), None)
        finally:
            self._looking.discard(looked_for)
        if spec and spec.loader:
            execute = functools.partial(self._execute, spec.loader.exec_module)
            spec.loader.exec_module = execute  # type: ignore[method-assign]
        return spec

    def _execute(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        execute(module)
        # Only now: many look for a module without importing it.
        action = self._actions.pop(module.__name__, None)
        if action is not None:
            action()
