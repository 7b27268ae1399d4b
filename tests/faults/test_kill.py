"""Kill -9 under load, again and again: what was acknowledged is in the ledger, once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import httpx
from victim import USD_A_CALL, Sidecar, all_of, body_of

KILLS = all_of("SPANMETER_KILLS", few=3, many=50)
SENDERS = 3
SPANS = 40


class Senders:
    """Threads that send requests of new calls, some of them twice, and note what was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: set[int] = set()
        self.sent = 0
        self._lock = threading.Lock()
        self._chance = random.Random(7)

    def send_until_killed(self, sidecar: Sidecar, *, after_s: float) -> None:
        threads = [threading.Thread(target=self._send, args=(sidecar,)) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        time.sleep(after_s)
        sidecar.kill()
        for thread in threads:
            thread.join()

    def post(self, sidecar: Sidecar, number: int) -> None:
        if sidecar.post(body_of(number * SPANS, SPANS)).status_code == 200:
            with self._lock:
                self.acknowledged.add(number)

    def _send(self, sidecar: Sidecar) -> None:
        while True:
            with self._lock:
                number, self.sent = self.sent, self.sent + 1
                times = 1 + (self._chance.random() < 0.2)
            try:
                for _ in range(times):
                    self.post(sidecar, number)
            except httpx.TransportError:
                return


def test_nothing_acknowledged_is_lost_or_doubled_by_kills_under_load(start: Callable[..., Sidecar]) -> None:
    senders, moments = Senders(), random.Random(11)
    for _ in range(KILLS):
        senders.send_until_killed(start(), after_s=moments.uniform(0.2, 2.5))

    last = start()
    last.settle()
    calls, usd = last.billed()
    assert senders.acknowledged
    assert len(senders.acknowledged) * SPANS <= calls <= senders.sent * SPANS
    assert usd == calls * USD_A_CALL
    assert last.charged() == (calls, usd)
    assert last.counted() == calls

    for number in senders.acknowledged:
        senders.post(last, number)
    last.settle()
    assert last.billed() == (calls, usd)
