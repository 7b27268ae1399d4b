"""The process's counters add up what ended."""

from __future__ import annotations

import os
from dataclasses import replace
from decimal import Decimal

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from spanmeter.barrier import faults
from spanmeter.pricing import Usage
from spanmeter.receipt import Receipt
from spanmeter.tally import Tally


def test_calls_tokens_and_cost_add_up() -> None:
    tally = Tally()
    for cost in (Decimal("0.1"), None):
        usage = Usage(input=3, cache_read=2, output=4)
        receipt = Receipt("langchain", "chat", "openai", "m", "m", 1.0, calls=1, usage=usage, cost_usd=cost)
        tally.add(replace(receipt, usage_contradictions=1))
    tally.add_span()
    tally.add_exported(7)
    tally.add_spooled(2)
    tally.add_dropped(3, "refused")

    assert (tally.calls, tally.tokens, tally.cost_usd, tally.usage_contradictions) == (2, 18, Decimal("0.1"), 2)
    assert (tally.spans, tally.exported_spans, tally.spooled_spans, tally.dropped_spans) == (1, 7, 2, 3)


def test_what_the_sampler_left_out_and_what_was_given_up_are_told_apart() -> None:
    tally = Tally()
    receipt = Receipt("langchain", "chat", "openai", "m", "m", 1.0, calls=1, usage=Usage(input=3), cost_usd=Decimal(2))
    for one in (receipt, replace(receipt, sampled=False), replace(receipt, failed_calls=1, calls=0, sampled=False)):
        tally.add(one)
    tally.add_dropped(3, "refused")
    tally.add_dropped(4, "queue_full")
    told = {name: [(one.value, one.attributes) for one in readings] for name, readings in tally.read().items()}

    left_out = {"spanmeter.sampled": False}
    assert told["calls"] == [(1, {}), (1, left_out)]
    assert told["failed_calls"] == [(0, {}), (1, left_out)]
    assert told["tokens"] == [(3, {}), (6, left_out)]
    assert told["cost_usd"] == [(2.0, {}), (4.0, left_out)]
    assert told["dropped_spans"] == [(3, {"spanmeter.reason": "refused"}), (4, {"spanmeter.reason": "queue_full"})]
    assert told["spans"] == [(0, {})]


def test_a_meter_tells_only_what_is_counted_from_its_beginning_on() -> None:
    tally, reader = Tally(), InMemoryMetricReader()
    tally.add_span()
    tally.add_dropped(3, "refused")
    tally.observe_by(MeterProvider([reader]).get_meter("again"))
    tally.add_span()

    told = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics  # type: ignore[union-attr]
    values = {metric.name: [point.value for point in metric.data.data_points] for metric in told}  # type: ignore[union-attr]
    assert (values["spanmeter.client.spans"], values["spanmeter.client.dropped_spans"]) == ([1], [0])


def test_faults_are_counted() -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(faults, "hook", 3)
        counted = Tally().faults

    assert counted - Tally().faults == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_counts_what_it_does_itself() -> None:
    tally = Tally()
    tally.add_span()
    child = os.fork()
    if child == 0:
        tally.add_span()
        os._exit(tally.spans)
    _, status = os.waitpid(child, 0)

    assert (os.waitstatus_to_exitcode(status), tally.spans) == (1, 1)
