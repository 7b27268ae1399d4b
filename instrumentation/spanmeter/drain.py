"""Sends what waits in the spool, oldest first, as soon as the sidecar is back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic, sleep
from typing import Final

from spanmeter.barrier import barrier
from spanmeter.folder import Parcel
from spanmeter.loss import Reason, lose
from spanmeter.spool import Spool
from spanmeter.tally import tally
from spanmeter.wire import Outcome, Reply, Wire

PAUSE_S: Final = 0.02
"""Between two bodies: at most 50 a second, so that neither the application nor the sidecar feels it."""
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 5.0
LONGEST_BARRED_WAIT_S: Final = 60.0
HURRIED_WAIT_S: Final = 0.1
MAX_FAILURES: Final = 10
"""Times that a sidecar which takes other bodies may fail over one before that is given up."""
_log: Final = logging.getLogger("spanmeter")


class Drain:
    """Empties a spool from a thread of its own, which lives only while there is something to send.

    The SDK's worker cannot do it: it calls an exporter only when there are new spans.
    """

    def __init__(self, spool: Spool, wire: Wire, *, say: Callable[[Reply], None] | None = None) -> None:
        self._spool = spool
        self._wire = wire
        self._say = say
        self.begin()

    def begin(self) -> None:
        """Start without a thread, as a process does after a fork."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failures: dict[Parcel, tuple[int, int]] = {}
        self._taken = 0
        self.away = False
        self.barred = False

    def note_taken(self) -> None:
        """Learn that the sidecar takes bodies: one that it failed over since may be at fault itself."""
        self._taken += 1

    def wake(self, *, away: bool = False) -> None:
        """Have what waits sent, if there is any, for as long as it takes; `away` if the sidecar just proved to be."""
        with self._lock:
            self.away = self.away or away
            if self._stop.is_set() or self._spool.oldest() is None:
                return
            if self._thread is None or not self._thread.is_alive():
                self._start()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="spanmeter-spool", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # too late for threads, or too many: what waits is on disk
            return
        self._thread = thread

    def close(self, *, patience_s: float) -> None:
        """Stop the thread, and send what can be sent in this time; nobody waits for a sidecar that is not there."""
        self._stop.set()
        thread, deadline = self._thread, monotonic() + patience_s
        if thread is not None:
            thread.join(patience_s)
        if thread is None or not thread.is_alive():
            self._hurry(deadline)
            self._wire.close()

    def _hurry(self, deadline: float) -> None:
        while (left_s := deadline - monotonic()) > 0 and (parcel := self._spool.oldest()) is not None:
            self._wire.timeout_s = left_s
            reply = self._send(parcel)
            if reply is not None and (reply.absent or reply.outcome is Outcome.BARRED):
                return
            if reply is not None and reply.outcome is Outcome.AWAY:
                sleep(HURRIED_WAIT_S)

    @barrier
    def _run(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._stop.is_set() and (parcel := self._next()) is not None:
            reply = self._send(parcel)
            if reply is None or reply.outcome in {Outcome.TAKEN, Outcome.REFUSED}:
                wait_s = FIRST_WAIT_S
                self._stop.wait(PAUSE_S)
            else:
                longest_s = LONGEST_BARRED_WAIT_S if reply.outcome is Outcome.BARRED else LONGEST_WAIT_S
                self._stop.wait(min(max(wait_s, reply.retry_after_s), longest_s))
                wait_s = min(2 * wait_s, longest_s)

    def _next(self) -> Parcel | None:
        """Return what to send next; None ends the thread."""
        with self._lock:
            parcel = self._spool.oldest()
            if parcel is None:
                self._thread = None
                self.away = self.barred = False
            return parcel

    def _send(self, parcel: Parcel) -> Reply | None:
        packed = parcel.read()
        if packed is None:
            self._give_up(parcel, Reason.NO_SPOOL, "a file of it vanished")
            return None
        reply = self._wire.post_packed(packed)
        self._settle(parcel, reply)
        return reply

    def _settle(self, parcel: Parcel, reply: Reply) -> None:
        self._note(reply)
        if reply.outcome is Outcome.TAKEN:
            self.note_taken()
            self._forget(parcel)
            if parcel.own:
                tally.add_exported(parcel.spans - reply.rejected)
            if reply.rejected:
                lose(reply.rejected, Reason.REFUSED, detail=reply.reason)
        elif reply.outcome is Outcome.REFUSED:
            self._give_up(parcel, Reason.REFUSED, reply.reason)
        elif reply.outcome is Outcome.FAILED:
            self._fail(parcel, reply)
        elif reply.outcome is Outcome.BARRED:
            self._spool.disown()

    def _note(self, reply: Reply) -> None:
        away = reply.outcome in {Outcome.AWAY, Outcome.BARRED}
        if self.away and not away:
            _log.info("the sidecar is back; %d spans that waited on disk go to it", self._spool.spans)
        self.away, self.barred = away, reply.outcome is Outcome.BARRED
        if self._say is not None:
            self._say(reply)

    def _fail(self, parcel: Parcel, reply: Reply) -> None:
        """Let others go first; a body that the sidecar never takes while it takes others is given up."""
        failures, taken = self._failures.get(parcel, (0, self._taken))
        if failures + 1 >= MAX_FAILURES and self._taken > taken:
            self._give_up(parcel, Reason.REFUSED, reply.reason)
        else:
            self._failures[parcel] = failures + 1, taken
            self._spool.postpone(parcel)

    def _give_up(self, parcel: Parcel, reason: Reason, detail: str) -> None:
        self._forget(parcel)
        lose(parcel.spans, reason, detail=detail)

    def _forget(self, parcel: Parcel) -> None:
        self._failures.pop(parcel, None)
        self._spool.remove(parcel)
