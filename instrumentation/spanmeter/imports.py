"""Waits for a module to be imported, so that nobody pays for frameworks the application does not use."""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class Waiting(MetaPathFinder):
    """Runs an action once a module has been imported, at once when it already is."""

    def __init__(self) -> None:
        self._actions: dict[str, Callable[[], None]] = {}
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

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002  the protocol's
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Find an awaited module as everybody else does, and have its execution followed by the action."""
        action = self._actions.pop(fullname, None)
        spec = importlib.util.find_spec(fullname) if action else None
        if action and spec and spec.loader:
            spec.loader.exec_module = functools.partial(_execute, spec.loader.exec_module, action)  # type: ignore[method-assign]
        return spec


def _execute(execute: Callable[[ModuleType], None], action: Callable[[], None], module: ModuleType) -> None:
    execute(module)
    action()
