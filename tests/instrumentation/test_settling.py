"""A call without usage ends when it ends, and gets its estimated figures a little later, before anybody reads them."""

from __future__ import annotations

import builtins
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import spanmeter
from spanmeter import semconv
from spanmeter.bill import Bill
from spanmeter.call import Answer, Call, Calls, Opening
from spanmeter.estimate import estimate
from spanmeter.pricing import PriceBook, Usage
from spanmeter.receipt import Receipt
from spanmeter.settling import GATHERING_S, Settling, settling
from spanmeter.tally import tally

PROMPT = ("You are brief.", "Which contract ends first?")
SAID = "The second one."
ESTIMATE = estimate(provider="openai", model="gpt-4o-mini", prompt=PROMPT, answer=SAID)


def opening(prompt: Callable[[], tuple[str, ...]] = lambda: PROMPT) -> Opening:
    return Opening("chat", "chat gpt-4o-mini", "langchain", "openai", "gpt-4o-mini", prompt=prompt)


def ended_by_now(spans: Any) -> tuple[Any, ...]:
    """The spans that ended without anybody's asking; a test's `spans.finished` settles first."""
    ended: tuple[Any, ...] = spans.exporter.get_finished_spans()
    return ended


@pytest.fixture
def receipts() -> list[Receipt]:
    return []


@pytest.fixture
def calls(spans: Any, receipts: list[Receipt]) -> Calls:
    price = PriceBook.load().cost
    return Calls(tracer_provider=spans.tracer_provider, price=price, receivers=(receipts.append,))


@pytest.fixture
def held() -> threading.Event:
    """Something the thread that settles waits for."""
    waiting = threading.Event()
    settling.later(lambda: waiting.wait(5))
    return waiting


def test_usage_that_nobody_reported_is_estimated_and_priced(calls: Calls, spans: Any, receipts: list[Receipt]) -> None:
    calls.start(opening()).stop(Answer(text=lambda: SAID, model="gpt-4o-mini-2024-07-18"))
    settling.now()

    told = dict(spans.one("chat gpt-4o-mini").attributes)
    assert (told[semconv.INPUT_TOKENS], told[semconv.OUTPUT_TOKENS]) == (ESTIMATE.usage.input, ESTIMATE.usage.output)
    assert (told[semconv.USAGE_GRADE], told[semconv.COST_GRADE]) == ("estimated", "estimated")
    assert (told[semconv.USAGE_METHOD], told[semconv.USAGE_ERROR_BAND]) == (ESTIMATE.method, ESTIMATE.error_band)
    assert [(receipt.calls, receipt.usage, receipt.cost_usd) for receipt in receipts] == [
        (1, ESTIMATE.usage, Decimal(told[semconv.COST_USD]))
    ]


def test_a_settled_span_ends_once_and_when_its_call_did(calls: Calls, spans: Any, held: threading.Event) -> None:
    parent = calls.start(Opening("chain", "chain c", "langchain"))
    call = calls.start(opening())
    call.stop(Answer(text=lambda: SAID))
    parent.stop()
    ended = time.time_ns()
    assert [span.name for span in ended_by_now(spans)] == ["chain c"]
    call.fail(ValueError("late"))
    held.set()
    settling.now()

    assert [span.name for span in spans.finished] == ["chain c", "chat gpt-4o-mini"]
    assert spans.one("chat gpt-4o-mini").end_time <= ended
    assert spans.path_of("chat gpt-4o-mini") == ["chat gpt-4o-mini", "chain c"]


@pytest.mark.parametrize(
    ("end", "counted"),
    [(lambda call: call.cancel(), (1, 0)), (lambda call: call.fail(ValueError("cut off")), (0, 1))],
    ids=["cancelled", "failed"],
)
def test_what_a_broken_stream_said_is_estimated(
    end: Callable[[Any], None], counted: tuple[int, int], calls: Calls, receipts: list[Receipt]
) -> None:
    call = calls.start(opening())
    for piece in ("The second ", "one."):
        call.hear(piece)
    end(call)
    settling.now()

    assert [((receipt.calls, receipt.failed_calls), receipt.usage) for receipt in receipts] == [
        (counted, ESTIMATE.usage)
    ]


@pytest.mark.parametrize(
    ("given", "end"),
    [
        (opening(), lambda call: call.cancel()),
        (opening(), lambda call: call.fail(ValueError("no"))),
        (opening(), lambda call: call.stop(Answer(cache_hit=True))),
        (opening(), lambda call: call.stop(Answer(usage=Usage(input=3)))),
        (Opening("chat", "chat m", "langchain"), lambda call: call.stop()),
        (Opening("chat", "chat m", "langchain", wrapper=True, prompt=lambda: PROMPT), lambda call: call.stop()),
        (Opening("chain", "chain c", "langchain", prompt=lambda: PROMPT), lambda call: call.stop()),
    ],
    ids=["cancelled", "failed", "cache hit", "reported", "no prompt", "wrapper", "no call"],
)
def test_nothing_else_is_estimated(
    given: Opening, end: Callable[[Any], None], calls: Calls, spans: Any, held: threading.Event
) -> None:
    end(calls.start(given))

    assert [span.attributes.get(semconv.USAGE_GRADE) for span in ended_by_now(spans)] in ([None], ["reported"])
    held.set()


def test_each_prompt_of_a_shared_request_is_estimated_and_the_request_counted_once(
    calls: Calls, spans: Any, receipts: list[Receipt]
) -> None:
    for requests in (1, 0):
        calls.start(opening()).stop(Answer(text=lambda: SAID, requests=requests))

    assert len(spans.finished) == 2
    assert [(receipt.calls, receipt.usage) for receipt in receipts] == [(1, ESTIMATE.usage), (0, ESTIMATE.usage)]


def test_with_too_many_waiting_a_call_ends_without_an_estimate(
    calls: Calls, spans: Any, receipts: list[Receipt], held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_room", 1)
    unestimated = tally.unestimated_calls
    for _ in range(3):
        calls.start(opening()).stop(Answer(text=lambda: SAID))
    ended = [span.attributes.get(semconv.USAGE_GRADE) for span in ended_by_now(spans)]
    held.set()
    settling.now()

    assert (set(ended), tally.unestimated_calls - unestimated) == ({None}, len(ended))
    assert len(receipts) == len(spans.finished) == 3


@pytest.fixture
def alone(receipts: list[Receipt]) -> Iterator[tuple[Calls, list[str]]]:
    """Calls whose spans go to us alone, and the ends that were seen."""
    ended: list[str] = []

    class Queue(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            """Another's, that never gets a span of ours."""

        def take_light(self, span: ReadableSpan) -> None:
            ended.append(f"{span.name} by {(span.attributes or {}).get(semconv.RESPONSE_MODEL)}")

    provider = TracerProvider()
    provider.add_span_processor(Queue())
    yield Calls(tracer_provider=provider, price=PriceBook.load().cost, receivers=(receipts.append,)), ended
    provider.shutdown()


def test_what_only_we_wait_for_is_read_before_anybody_reads_the_bill(
    alone: tuple[Calls, list[str]], receipts: list[Receipt], held: threading.Event
) -> None:
    calls, ended = alone
    usage = Usage(input=7)
    with spanmeter.measure() as bill:
        calls.start(opening()).stop_by(lambda: Answer(usage=usage, model="gpt-4o-mini"))
    before = (list(ended), list(receipts))
    held.set()

    assert (before, bill.calls, bill.input_tokens) == (([], []), 1, 7)
    assert (ended, [receipt.usage for receipt in receipts]) == (["chat gpt-4o-mini by gpt-4o-mini"], [usage])


def test_a_processor_added_while_an_end_waits_sees_it_with_its_answer(spans: Any, held: threading.Event) -> None:
    class Queue(SimpleSpanProcessor):
        def take_light(self, span: ReadableSpan) -> None:
            raise AssertionError(span)

    provider = TracerProvider()
    provider.add_span_processor(Queue(spans.exporter))
    Calls(tracer_provider=provider).start(opening()).stop_by(lambda: Answer(usage=Usage(input=7), model="m"))
    before = ended_by_now(spans)
    provider.add_span_processor(SimpleSpanProcessor(spans.exporter))
    held.set()
    assert (before, [span.attributes[semconv.RESPONSE_MODEL] for span in spans.finished]) == ((), ["m", "m"])
    provider.shutdown()


def test_what_cannot_wait_is_read_at_once(alone: tuple[Calls, list[str]], held: threading.Event) -> None:
    calls, ended = alone
    calls.start(opening()).stop_by(lambda: Answer(usage=Usage(input=7), model="m"), at_leisure=False)
    before = list(ended)
    held.set()
    assert before == ["chat gpt-4o-mini by m"]


def test_what_others_wait_for_too_is_read_at_once(calls: Calls, spans: Any, held: threading.Event) -> None:
    calls.start(opening()).stop_by(lambda: Answer(usage=Usage(input=7), model="gpt-4o-mini"))
    assert [span.name for span in ended_by_now(spans)] == ["chat gpt-4o-mini"]
    held.set()


@pytest.mark.parametrize("late", [True, False], ids=["late", "at once"])
def test_a_span_ends_even_when_its_answer_cannot_be_read(
    late: bool,  # noqa: FBT001
    alone: tuple[Calls, list[str]],
    calls: Calls,
    spans: Any,
    receipts: list[Receipt],
) -> None:
    def unreadable() -> Answer:
        raise LookupError("gone")

    call = (alone[0] if late else calls).start(Opening("chat", "chat m", "langchain"))
    with pytest.raises(LookupError):
        _stopped_by_now(call, unreadable)

    assert [*alone[1], *(span.name for span in spans.finished)] == ["chat m by None" if late else "chat m"]
    assert [receipt.calls for receipt in receipts] == [1]


def _stopped_by_now(call: Call, read: Callable[[], Answer]) -> None:
    call.stop_by(read)
    settling.now()


def test_a_quarter_of_the_room_in_use_ends_the_leisure() -> None:
    done = threading.Event()
    eager = Settling(room=8)
    for _ in range(2):
        assert eager.at_leisure(lambda: None)
    assert eager.at_leisure(done.set)
    assert eager._soon.is_set() or done.is_set()
    eager.rest()
    assert done.is_set()


def test_what_waits_at_leisure_leaves_room_for_what_has_to_be_estimated() -> None:
    eager = Settling(room=4)
    with eager._turn:  # nothing is settled meanwhile
        taken = [eager.at_leisure(lambda: None) for _ in range(3)] + [eager.later(lambda: None) for _ in range(3)]
    eager.rest()
    assert taken == [True, True, False, True, True, False]


def test_a_span_ends_even_when_nothing_can_be_read(calls: Calls, spans: Any, receipts: list[Receipt]) -> None:
    def unreadable() -> tuple[str, ...]:
        raise LookupError("gone")

    call = calls.open(opening(unreadable))
    with pytest.raises(LookupError):
        call._settle(call.span, _ending())

    assert [span.attributes.get(semconv.USAGE_GRADE) for span in spans.finished] == [None]
    assert [receipt.calls for receipt in receipts] == [1]


def _ending() -> Any:
    from spanmeter.ending import Ending  # noqa: PLC0415

    return Ending(Answer(text=lambda: SAID), "stopped", 1.0, time.time_ns())


def test_ends_are_settled_once_each_whoever_comes_first() -> None:
    ended: list[int] = []
    eager = Settling()
    readers = [threading.Thread(target=eager.now) for _ in range(4)]
    for number in range(200):
        assert eager.later(lambda number=number: ended.append(number))  # type: ignore[misc]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    eager.rest()

    assert ended == list(range(200))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_settles_its_own_calls_only(held: threading.Event) -> None:
    settled: list[str] = []
    settling.later(lambda: settled.append("parent's"))
    child = os.fork()
    if child == 0:
        settling.later(lambda: settled.append("child's"))
        settling.now()
        os._exit(0 if settled == ["child's"] else 1)
    _, status = os.waitpid(child, 0)
    held.set()
    settling.now()

    assert (os.waitstatus_to_exitcode(status), settled) == (0, ["parent's"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_process_forked_while_a_call_is_settled_waits_for_no_lock_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_counter.py").write_text("import time; started.set(); time.sleep(0.3)")
    monkeypatch.syspath_prepend(tmp_path)
    started = threading.Event()
    monkeypatch.setattr(builtins, "started", started, raising=False)
    settling.later(lambda: importlib.import_module("slow_counter"))
    assert started.wait(5)
    child = os.fork()
    if child == 0:
        signal.alarm(5)
        importlib.import_module("slow_counter")
        os._exit(0)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def test_who_needs_figures_soon_leaves_what_takes_long_to_the_thread() -> None:
    own, settled = Settling(), list[str]()
    own._waiting += [lambda: time.sleep(2 * GATHERING_S), lambda: settled.append("next")]
    own.soon()
    before = settled.copy()
    own.now()

    assert (before, settled) == ([], ["next"])


def test_a_fork_that_got_no_turn_leaves_the_turn_of_another_one() -> None:
    own = Settling()
    own._hold()
    beside = threading.Thread(target=own._release)  # as a second thread that forks, and was not let in before
    beside.start()
    beside.join()
    own._release()
    freed = threading.Thread(target=own.now)
    freed.start()
    freed.join(5)

    assert not freed.is_alive()


@pytest.fixture
def model(provider: Any) -> ChatOpenAI:
    """A model whose streams tell no usage, as behind most gateways."""
    return ChatOpenAI(model="gpt-4o-mini", api_key="none", base_url=f"{provider.url}/v1", max_retries=0)  # type: ignore[arg-type]


def test_reading_a_bill_settles_first(instrumented: Any, model: ChatOpenAI) -> None:
    with spanmeter.measure() as bill:
        said = "".join(str(chunk.content) for chunk in model.stream("Which contract ends first?"))

    expected = estimate(
        provider="openai", model="gpt-4o-mini", prompt=("Which contract ends first?",), answer=said
    ).usage
    assert (bill.calls, bill.input_tokens, bill.output_tokens) == (1, expected.input, expected.output)
    assert isinstance(bill, Bill)
    assert [span.attributes[semconv.USAGE_GRADE] for span in instrumented.calls()] == ["estimated"]


@pytest.mark.parametrize("settles", ["force_flush", "uninstrument"])
def test_whoever_sends_the_spans_settles_first(
    settles: str, instrumented: Any, model: ChatOpenAI, held: threading.Event
) -> None:
    for _ in model.stream("Which contract ends first?"):
        pass
    assert ended_by_now(instrumented) == ()
    threading.Timer(0.1, held.set).start()
    spanmeter.uninstrument() if settles == "uninstrument" else instrumented.tracer_provider.force_flush()

    assert len(ended_by_now(instrumented)) == 1


def test_no_thread_is_left_when_all_is_taken_back(instrumented: Any, model: ChatOpenAI) -> None:
    for _ in range(2):
        for _ in model.stream("Which contract ends first?"):
            pass
        spanmeter.uninstrument()
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("spanmeter")] == []
        spanmeter.instrument(tracer_provider=instrumented.tracer_provider)

    assert [span.attributes[semconv.USAGE_GRADE] for span in instrumented.calls()] == ["estimated"] * 2


def test_a_thread_that_rests_starts_again(held: threading.Event) -> None:
    settled = threading.Event()
    held.set()
    settling.rest()
    settling.later(settled.set)

    assert settled.wait(5)


SCRIPT = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from spanmeter.call import Answer, Call, Calls, Opening

trace.set_tracer_provider(TracerProvider())
exporter = ConsoleSpanExporter(formatter=lambda span: span.attributes["spanmeter.usage.grade"] + " ")
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
for _ in range(20):
    opening = Opening("chat", "chat m", "langchain", "openai", "gpt-4o", prompt=lambda: ["a" * 3_000])
    Calls().start(opening).stop(Answer(text=lambda: "yes"))
"""


def test_what_waits_at_exit_is_settled() -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60)

    assert (ended.stdout.split(), ended.stderr) == (["estimated"] * 20, "")
