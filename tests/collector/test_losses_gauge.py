from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from spanmeter_collector.batch import Batch
from spanmeter_collector.counter import Counter
from spanmeter_collector.losses_gauge import LossCollector
from spanmeter_collector.store import Store

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
HEARD = int(datetime(2026, 11, 22, 17, tzinfo=UTC).timestamp()) * 1000


def told(service: str, calls: int, *, reason: str = "") -> list[Counter]:
    known: dict[str, Any] = {"time": HEARD * 10**6, "start_time": 1, "service": service, "instance": service}
    counted = Counter(**known, name="spanmeter.client.calls", attributes={}, value=calls, received_at=HEARD)
    given_up: dict[str, Any] = {
        "name": "spanmeter.client.dropped_spans",
        "attributes": {"spanmeter.reason": reason},
        "value": calls,
    }
    return [counted, counted._replace(**given_up)] if reason else [counted]


def samples(collector: LossCollector) -> dict[tuple[str, str], float]:
    (family,) = collector.collect()
    assert family.name == "spanmeter_lost_calls"
    return {(sample.labels["service"], sample.labels["reason"]): sample.value for sample in family.samples}


def test_every_service_that_tells_has_a_sample_and_an_answer_serves_for_a_while(store: Store) -> None:
    collector = LossCollector(store, now=lambda: NOW)
    fresh = LossCollector(store, now=lambda: NOW, settle="0s")
    store.write(Batch(counters=[*told("shop", 3, reason="refused"), *told("bank", 0)]), token="1")
    first = samples(collector)
    store.write(Batch(counters=told("mail", 2)), token="2")

    assert first == {("shop", "refused"): 3, ("bank", "unknown"): 0}
    assert samples(collector) == first
    assert samples(fresh) == first | {("mail", "unknown"): 2}
