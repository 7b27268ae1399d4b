"""Ten times the load that it can store: memory stays bounded, every refusal is counted, what is accepted is stored."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

from victim import USD_A_CALL, Sidecar, all_of, body_of

SECONDS = all_of("SPANMETER_OVERLOAD_S", few=5, many=60)
SENDERS = 6
SPANS = 512
MOST_RESIDENT = 2**30


class Flood:
    """Threads that send as fast as they can, whatever they are told; a refused request is sent again."""

    def __init__(self, sidecar: Sidecar) -> None:
        self.accepted = 0
        self.refused: list[str] = []
        self._sidecar = sidecar
        self._numbers = itertools.count()
        self._until = time.monotonic() + SECONDS
        self._lock = threading.Lock()

    def run(self) -> None:
        threads = [threading.Thread(target=self._send) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert self._sidecar.memory("VmHWM") < MOST_RESIDENT
            assert self._sidecar.get("/api/v1/cost?since=1h")["total"]["calls"] >= 0
            time.sleep(0.5)

    def _send(self) -> None:
        while time.monotonic() < self._until:
            body = body_of(next(self._numbers) * SPANS, SPANS)
            while time.monotonic() < self._until and not self._is_accepted(body):
                pass

    def _is_accepted(self, body: bytes) -> bool:
        answer = self._sidecar.post(body)
        with self._lock:
            if answer.status_code == 200:
                self.accepted += 1
                return True
            assert answer.status_code == 503, answer.content
            self.refused.append(answer.headers["retry-after"])
            return False


def test_a_flood_is_refused_counted_and_worked_off(start: Callable[..., Sidecar]) -> None:
    sidecar = start(LOG_MB="4")
    flood = Flood(sidecar)
    flood.run()

    assert flood.refused
    assert {1 <= int(wait) <= 60 for wait in flood.refused} == {True}
    assert sidecar.metric("refused_requests_total") == len(flood.refused)
    assert sidecar.metric('refused_requests_total{reason="overloaded"}') == len(flood.refused)
    assert sidecar.metric("received_spans_total") == flood.accepted * SPANS
    sidecar.settle()
    assert sidecar.billed() == (flood.accepted * SPANS, flood.accepted * SPANS * USD_A_CALL)
    assert sidecar.get("/ready")["ready"]
    assert sidecar.post(body_of(10**9, 1)).status_code == 200
