"""Lately: what was found for questions of late, to be given again as far as what it was found in is the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar, cast

MOST: Final = 20_000
"""How many rows are kept, of all questions together: some 20 MB."""

Found = TypeVar("Found")


class Lately:
    """What was found by question; safe to share between threads.

    Who keeps something also keeps what tells whether it still holds, and looks at that again. Where it is too much,
    the questions go first that nobody has asked for longest.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._found: dict[Hashable, tuple[Any, int]] = {}
        self._rows = 0

    def find(self, question: Hashable) -> Any:  # noqa: ANN401  what was kept
        """What was kept for a question; None where nothing is."""
        with self._lock:
            if (kept := self._found.pop(question, None)) is None:
                return None
            self._found[question] = kept
            return kept[0]

    def find_or_ask(
        self, question: Hashable, mark: object, ask: Callable[[], Found], *, rows: Callable[[Found], int]
    ) -> Found:
        """What was found for a question when its mark was the same; else what is found now, which is kept.

        The mark, read before, tells whether what it was found in is still the same. `rows` says how many are found.
        """
        kept_with, found = self.find(question) or (None, None)
        if found is None or kept_with != mark:
            found = ask()
            self.keep(question, (mark, found), rows(found) + 1)
        return cast("Found", found)

    def keep(self, question: Hashable, found: object, rows: int) -> None:
        """Keep what was found for a question in place of what was before; more than everything may take is left out."""
        with self._lock:
            self._rows -= self._found.pop(question, (None, 0))[1]
            if rows > self._most:
                return
            self._found[question] = found, rows
            self._rows += rows
            while self._rows > self._most:
                self._rows -= self._found.pop(next(iter(self._found)))[1]
