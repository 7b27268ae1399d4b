"""Brings spans to the sidecar, or to the spool while it is away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from time import monotonic, sleep
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from spanmeter.barrier import barrier
from spanmeter.destination import Destination
from spanmeter.drain import Drain
from spanmeter.fork import in_child
from spanmeter.instance import instance_id
from spanmeter.loss import Reason, lose
from spanmeter.otlp import encode
from spanmeter.spool import Spool, SpoolFullError, SpoolSettings
from spanmeter.tally import tally
from spanmeter.wire import HURRIED_TIMEOUT_S, Outcome, Reply, Wire, pack

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
LOOK_EVERY_S: Final = 60.0
SAY_EVERY_S: Final = 60.0
WAITS_S: Final = (1.0, 2.0, 4.0)
HURRIED_WAIT_S: Final = 0.1
GIVE_UP_AFTER_S: Final = 1.0
_KEPT: Final = frozenset({Outcome.AWAY, Outcome.FAILED, Outcome.BARRED})
_log: Final = logging.getLogger("spanmeter")


class Exporter(SpanExporter):
    """Sends spans with one attempt a batch; what the sidecar does not take waits in the spool.

    The SDK's own exporter encodes at more than three times the CPU of `encode`, and tries a batch for ten seconds or
    more: meanwhile its queue overflows, and what it gives up is lost. Here a failed attempt costs the queue one
    connection, and none at all while the sidecar is known to be away, for then the drain asks for it. Without a spool
    a batch is tried for some seconds, as the SDK does, while the queue holds what comes.
    """

    def __init__(self, destination: Destination, settings: SpoolSettings) -> None:
        self._url = destination.url
        self._wire = Wire(destination)
        self._spool = Spool(settings, url=destination.url)
        self._drain = Drain(self._spool, Wire(destination), say=self._say)
        self._begin()
        self._look()
        in_child(self._begin_in_child)

    def _begin(self) -> None:
        self._hurried = threading.Event()
        self._wasted_s = 0.0
        self._look_at = 0.0
        self._said: dict[Outcome, float] = {}
        self._trouble: Outcome | None = None

    def _begin_in_child(self) -> None:
        self._spool.begin()
        self._drain.begin()
        self._begin()

    def hurry(self) -> None:
        """Spend little time on a sidecar that does not answer: the process waits to exit."""
        self._wire.timeout_s = min(self._wire.timeout_s, HURRIED_TIMEOUT_S)
        self._hurried.set()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, or keep them, or count them as lost; never raises."""
        if self._bring(spans) is None:
            lose(len(spans), Reason.FAULT)
        return SpanExportResult.SUCCESS

    @barrier
    def shutdown(self) -> None:
        """Send what waits if the sidecar is there, and leave the rest to the next process."""
        self._drain.close(patience_s=GIVE_UP_AFTER_S)
        self._spool.close()
        self._wire.close()

    @barrier
    def _bring(self, spans: Sequence[ReadableSpan]) -> bool:
        if monotonic() >= self._look_at:
            self._look()
        for body, count in _bodies(spans):
            self._send(body, count)
        return True

    def _look(self) -> None:
        """Look for what processes that died meanwhile left behind."""
        self._look_at = monotonic() + LOOK_EVERY_S
        if not self._drain.barred:
            self._spool.adopt()
        if expired := self._spool.expire():
            lose(expired, Reason.TOO_OLD)
        self._drain.wake()

    def _send(self, body: bytes, spans: int) -> None:
        if self._drain.away or self._wasted_s > GIVE_UP_AFTER_S:
            self._keep(body, spans)
            return
        reply = self._wire.post(body)
        self._say(reply)
        if reply.outcome in _KEPT:
            self._keep(body, spans, reply)
        else:
            self._count(reply, spans)

    def _keep(self, body: bytes, spans: int, reply: Reply | None = None) -> None:
        try:
            if self._spool.usable:
                self._spool.put(pack(body), spans=spans)
                tally.add_spooled(spans)
                self._drain.wake(away=reply is not None and reply.outcome is not Outcome.FAILED)
                return
            trouble = "it is switched off" if self._spool.home else "no home directory; set SPANMETER_SPOOL_DIR"
        except SpoolFullError:
            lose(spans, Reason.SPOOL_FULL)
            return
        except OSError as error:
            trouble = str(error)
        if reply is not None and reply.outcome is Outcome.BARRED:
            lose(spans, Reason.REFUSED, detail=f"{reply.reason}: {reply.advice}")
        else:
            self._insist(body, spans, trouble)

    def _insist(self, body: bytes, spans: int, trouble: str) -> None:
        for wait_s in WAITS_S:
            if self._hurried.wait(wait_s):
                if self._wasted_s > GIVE_UP_AFTER_S:
                    break
                sleep(HURRIED_WAIT_S)
            started = monotonic()
            reply = self._wire.post(body)
            if reply.outcome in {Outcome.TAKEN, Outcome.REFUSED}:
                self._count(reply, spans)
                return
            if self._hurried.is_set():
                self._wasted_s += monotonic() - started + HURRIED_WAIT_S
        lose(spans, Reason.NO_SPOOL, detail=trouble)

    def _count(self, reply: Reply, spans: int) -> None:
        lost = spans if reply.outcome is Outcome.REFUSED else reply.rejected
        tally.add_exported(spans - lost)
        if lost:
            lose(lost, Reason.REFUSED, detail=reply.reason)
        if reply.outcome is Outcome.TAKEN:
            self._drain.note_taken()

    def _say(self, reply: Reply) -> None:
        """Say once what is wrong, and not again until it was right in between, nor within a minute."""
        before, self._trouble = self._trouble, reply.outcome if reply.outcome in _KEPT else None
        now = monotonic()
        if self._trouble in {None, before} or now < self._said.get(reply.outcome, -SAY_EVERY_S) + SAY_EVERY_S:
            return
        self._said[reply.outcome] = now
        where = f"on disk in {self._spool.home}" if self._spool.usable else "in memory"
        if reply.outcome is Outcome.BARRED:
            said = "%s refuses spans (%s): %s. They wait %s until it takes them"
            _log.warning(said, self._url, reply.reason, reply.advice, where)
        else:
            _log.warning("%s does not take spans (%s); they wait %s until it does", self._url, reply.reason, where)


def _bodies(spans: Sequence[ReadableSpan]) -> Iterator[tuple[bytes, int]]:
    """Yield OTLP bodies that no receiver is likely to find too large, and how many spans are in each."""
    body = encode(spans, instance_id=instance_id())
    if len(body) <= MAX_BODY_BYTES or len(spans) == 1:
        yield body, len(spans)
    else:
        half = len(spans) // 2
        yield from _bodies(spans[:half])
        yield from _bodies(spans[half:])
