"""Functions of another package that are replaced while the application is instrumented, and how they were."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

_log: Final = logging.getLogger("spanmeter")

Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]


class Replaced:
    """What was replaced in one package, to be put back."""

    def __init__(self) -> None:
        self._originals: list[tuple[object, str, Callable[..., Any]]] = []

    def put(self, owner: object, wraps: Mapping[str, Wrap], *, missing: str = "") -> bool:
        """Replace functions of a module or methods of a class, all of them or none, and tell whether it was done.

        Where one is not there, a version of the package that we do not know, `missing` is logged as a warning.
        """
        absent = sorted(name for name in wraps if not callable(getattr(owner, name, None)))
        if absent:
            if missing:
                _log.warning("%s: %s not found", missing, ", ".join(absent))
            return False
        for name, wrap in wraps.items():
            original = getattr(owner, name)
            self._originals.append((owner, name, original))
            setattr(owner, name, wrap(original))
        return True

    def __bool__(self) -> bool:
        """Tell whether anything is replaced."""
        return bool(self._originals)

    def remove(self) -> None:
        """Put everything back."""
        while self._originals:
            owner, name, original = self._originals.pop()
            setattr(owner, name, original)
