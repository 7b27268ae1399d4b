"""What was started and has not ended, never more than a bound and never for ever."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol, TypeVar

MAX_OPEN: Final = 10_000
MAX_SILENCE_S: Final = 3600.0
_SWEEP_EVERY_S: Final = 60.0
_SHED_ONE_OF: Final = 10


class Started(Protocol):
    """Something that was started; `seen_s` is when something was last seen of it, by the clock of `Unended`."""

    seen_s: float


T = TypeVar("T", bound=Started)


class Unended(dict[str, T]):
    """Started things by the id of the span they were started in.

    Some never end: a stream that is kept and not read, a workflow nobody waits for. What was silent for an hour is
    given up, and the oldest tenth when there are too many. Only a start looks for them: no thread and no timer.
    """

    def __init__(self, *, give_up: Callable[[str], object], clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self.max_open = MAX_OPEN
        self._give_up = give_up
        self._clock = clock
        self._sweep_at_s = 0.0

    def start(self, span_id: str, started: T) -> None:
        """Keep what was started until it is popped or given up."""
        now = started.seen_s = self._clock()
        self[span_id] = started
        if len(self) > self.max_open:
            self._give_up_all(list(self)[: len(self) // _SHED_ONE_OF + 1])
        elif now >= self._sweep_at_s:
            self._sweep_at_s = now + _SWEEP_EVERY_S
            self._give_up_all(self._silent_since(now - MAX_SILENCE_S))

    def _silent_since(self, oldest_s: float) -> list[str]:
        # Other threads start and end meanwhile; `list` of a dictionary's keys is taken at once.
        seen = ((span_id, self.get(span_id)) for span_id in list(self))
        return [span_id for span_id, started in seen if started is not None and started.seen_s < oldest_s]

    def _give_up_all(self, span_ids: list[str]) -> None:
        for span_id in span_ids:
            self._give_up(span_id)
