"""Merging: the embedded engine joins parts beside everything else, but not on a disk that is nearly full.

A part that it makes while the disk fills up may lack files, without an error, and some minutes later the parts that it
was made of are gone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from spanmeter_collector.repeating import repeating
from spanmeter_collector.room import MERGING_BYTES, has_room
from spanmeter_collector.store import Store

_EVERY_S: Final = 1.0
_logger = logging.getLogger(__name__)


class Merging:
    """Stops merges, those under way as well, where fewer than `least` bytes are free, and lets them go on later."""

    def __init__(self, store: Store, directory: Path, *, least: int = MERGING_BYTES) -> None:
        self._store = store
        self._directory = directory
        self.least = least
        self.is_stopped = False

    def look(self) -> None:
        """Look at the disk once.

        Raises:
            clickhouse_connect.driver.exceptions.Error: the engine refuses.
        """
        should_stop = not has_room(self._directory, least=self.least)
        if should_stop == self.is_stopped:
            return
        self._store.execute("stop_merges" if should_stop else "start_merges", {})
        self.is_stopped = should_stop
        if should_stop:
            _logger.warning("the disk is nearly full: nothing is merged")
        else:
            _logger.info("parts are merged again")


@contextmanager
def merging_with_room(store: Store) -> Iterator[None]:
    """Look every second, on a thread of its own; not at a server, which looks after itself."""
    if store.directory is None:
        yield
        return
    with repeating(partial(_look_on, Merging(store, store.directory)), name="spanmeter-merging"):
        yield


def _look_on(merging: Merging, ended: threading.Event) -> None:
    while not ended.wait(_EVERY_S):
        try:
            merging.look()
        except Exception:  # the barrier: no fault of one round ends all that follow
            _logger.exception("the engine does not say whether it merges; it is asked again")
