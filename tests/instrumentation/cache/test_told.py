"""The span of a hit that ends at once is that of a call around it, wherever it stands."""

from __future__ import annotations

from decimal import Decimal
from time import time_ns
from typing import Any

import pytest
from opentelemetry import context

import spanmeter
from spanmeter.cache import Cache
from spanmeter.cache.told import Told
from spanmeter.component import components
from spanmeter.process import calls


@pytest.mark.parametrize("saved_usd", [Decimal("0.25"), None], ids=["known", "unknown"])
def test_a_hit_told_at_once_is_told_as_by_a_call(saved_usd: Decimal | None, instrumented: Any) -> None:
    told = Told("answers")
    with spanmeter.context(tenant="acme", plan="gold"), spanmeter.track("request"):
        told.hit(saved_usd, time_ns())
        call = calls().open(told.opening)
        call.note_cache("answers", hit=True, saved_usd=saved_usd)
        call.stop()

    one, other = instrumented.named("cache answers")
    request = instrumented.one("request")
    assert dict(one.attributes) == dict(other.attributes)
    assert [span.kind for span in (one, other)] == [other.kind] * 2
    assert [span.parent.span_id for span in (one, other)] == [request.context.span_id] * 2


def test_a_hit_lasts_from_its_request(instrumented: Any) -> None:
    began_ns = time_ns() - 5_000_000
    components.read(reset=True)
    Told("answers").hit(None, began_ns)

    span, summary = instrumented.one("cache answers"), spanmeter.summary()
    assert (span.start_time, span.end_time - began_ns >= 5_000_000) == (began_ns, True)
    (row,) = summary
    assert (row.name, row.operation, row.count, row.total_s >= 0.005) == ("cache answers", "cache", 1, True)


def test_a_hit_is_silent_where_instrumentation_is(instrumented: Any) -> None:
    token = context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))
    Told("answers").hit(None, time_ns())
    context.detach(token)

    assert instrumented.named("cache answers") == []


def test_a_hit_is_counted_where_nobody_listens() -> None:
    answers = Cache("answers")

    @answers
    def ask(question: str) -> str:
        return question

    with spanmeter.measure() as bill:
        said = [ask("a"), ask("a")]

    assert (said, answers.stats().hits, bill.saved_usd, bill.unpriced_hits) == (["a", "a"], 1, None, 1)
