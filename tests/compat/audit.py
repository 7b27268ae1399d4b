"""What must hold after any application: the provider's account, the bill, the spans and the counters agree."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext
from tests.compat.account import Account, total
from tests.compat.account import account as _answered_account
from tests.compat.desk import Desk, Served
from tests.compat.program import Piece
from tests.compat.stage import Stage

import spanmeter
from spanmeter import barrier, semconv
from spanmeter.langchain.runs import runs
from spanmeter.llama_index.open_spans import spans as llama_index_spans
from spanmeter.settling import settling
from spanmeter.tally import tally

PATIENCE_S = 1.0
SHRINKING_S = 30.0


class Begun(SpanProcessor):
    """Counts what was started and not ended."""

    def __init__(self) -> None:
        self.open: dict[int, str] = {}

    def on_start(self, span: Any, parent_context: Any = None) -> None:  # noqa: ARG002
        self.open[span.context.span_id] = span.name

    def on_end(self, span: ReadableSpan) -> None:
        if span.context:
            self.open.pop(span.context.span_id, None)


class Complaints(logging.Handler):
    """Keeps what OpenTelemetry, LangChain's callbacks and ours warn of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("opentelemetry", "langchain_core.callbacks", "spanmeter")):
            self.heard.append(record.getMessage())


@dataclass
class Auditor:
    """Runs applications one after the other, and says of each what does not hold."""

    app: Any
    desk: Desk
    exporter: InMemorySpanExporter
    tracer_provider: TracerProvider
    begun: Begun
    complaints: Complaints
    errors: list[str] = field(default_factory=list)

    async def audit(self, program: tuple[Piece, ...]) -> list[str]:
        """Return a sentence for each promise that the application breaks."""
        await self._clear()
        tracer = self.tracer_provider.get_tracer("application")
        stage = Stage(self.app, self.desk, tracer)
        before = tally.calls, tally.tokens, tally.cost_usd
        with tracer.start_as_current_span("request") as root, spanmeter.measure() as bill:
            # In a task of its own, as servers run requests: a timeout that the application catches ends LangChain's run
            # only when the task ends or starts another, for LangChain tells nobody. It is not current any more, though.
            left = await asyncio.create_task(self._act(program, stage))
            await _let_end()
            stays = left != root.get_span_context()
        settling.now()
        finished = self.exporter.get_finished_spans()
        after = tally.calls - before[0], tally.tokens - before[1], tally.cost_usd - before[2]
        said = [_account(span) for span in finished]
        spent = total(said)
        billed = bill.calls, bill.input_tokens, bill.output_tokens, bill.priced_usd
        broken = {
            "a span is left current": stays,
            f"bill {billed}, spans {spent}": billed != spent,
            f"tally {after}, spans {spent}": after != (spent[0], spent[1] + spent[2], spent[3]),
            f"failed calls {bill.failed_calls}": bill.failed_calls != _failed(finished),
            f"open runs {_open()}": bool(_open()),
            f"open spans {list(self.begun.open.values())}": bool(self.begun.open),
            f"traces {_traces(finished)}": len(_traces(finished)) != 1,
            f"orphans {_orphans(finished)}": bool(_orphans(finished)),
            f"faults {dict(barrier.faults)}": bool(barrier.faults),
            f"warnings {self.complaints.heard}": bool(self.complaints.heard),
        }
        return [text for text, wrong in broken.items() if wrong] + list(self._compare(finished, stage))

    async def _act(self, program: tuple[Piece, ...], stage: Stage) -> SpanContext:
        """Run the pieces, and return what is current after them."""
        for piece in program:
            try:
                await stage.arun(piece)
            except Exception as error:  # noqa: BLE001  whatever the application fails with
                self.errors.append(f"{type(error).__name__}: {error}")
        await _let_end()
        return trace.get_current_span().get_span_context()

    async def _clear(self) -> None:
        await _let_end()
        runs.cancel_all()
        llama_index_spans.cancel_all()
        settling.now()
        self.exporter.clear()
        self.desk.clear()
        self.begun.open.clear()
        self.complaints.heard.clear()
        self.errors.clear()
        barrier.faults.clear()

    def _compare(self, finished: tuple[ReadableSpan, ...], stage: Stage) -> Iterator[str]:
        """Hold what spans report to what was served; only what was certainly received whole has to be there."""
        reported = Counter(_account(span) for span in finished if _is_reported(span))
        generations = Counter({account: number for account, number in reported.items() if account[2]})
        served = [answer for answer in self.desk.served if answer.told]
        possible = Counter(answer.answered.account for answer in served)
        sure = [answer for answer in served if answer.whole and answer.asked_by in stage.certain]
        for account in generations - possible:
            yield f"reported and never served: {account}"
        for answer in sure:
            if answer.answered.output and answer.answered.account not in generations:
                yield f"served to {stage.kinds[answer.asked_by].kind} and not reported: {answer.answered.account}"
        yield from _embeddings_differ(reported - generations, served, sure)
        yield from self._calls_differ(finished, stage)

    def _calls_differ(self, finished: tuple[ReadableSpan, ...], stage: Stage) -> Iterator[str]:
        calls = sum(_account(span)[0] for span in finished)
        least = sum(answer.whole and answer.asked_by in stage.certain for answer in self.desk.served)
        most = len(self.desk.served)
        if not least <= calls <= most:
            yield f"{calls} calls, {least} to {most} served"
        told = [number for number in self.desk.refused if number in stage.certain]
        told = [number for number in told if stage.kinds[number].kind not in _HIDDEN_FAILURES]
        together = [number for number in told if stage.kinds[number].kind in _TOGETHER]
        refused = len(told) - len(together) + len(set(together))
        failed = _failed(finished)
        if not refused <= failed <= len(self.desk.refused):
            yield f"{failed} failed calls, {refused} to {len(self.desk.refused)} refused"


_HIDDEN_FAILURES = frozenset({"sdk retry", "embed query", "embed documents"})
_TOGETHER = frozenset({"embed batch"})
"""What sends several requests at once, and fails once with the first of them that is refused."""


def _embeddings_differ(reported: Counter[Account], served: list[Served], sure: list[Served]) -> Iterator[str]:
    told = total([account for account in reported.elements() if account[1]])
    most = total([answer.answered.account for answer in served if not answer.answered.output])
    least = total([answer.answered.account for answer in sure if not answer.answered.output])
    if any(told[at] < least[at] or told[at] > most[at] for at in range(4)):
        yield f"embeddings {told}, served {least} to {most}"


def _account(span: ReadableSpan) -> Account:
    """What a span says it cost; one that failed was no answered call, though what a stream said before is estimated."""
    said: Any = span.attributes or {}
    calls, *rest = _answered_account(span)
    answered = calls if semconv.ERROR_TYPE not in said else said.get(semconv.CALLS, 0)
    return answered, *rest  # type: ignore[return-value]


def _is_reported(span: ReadableSpan) -> bool:
    said: Any = span.attributes or {}
    return said.get(semconv.INPUT_TOKENS) is not None and said.get(semconv.USAGE_GRADE) != "estimated"


def _failed(finished: tuple[ReadableSpan, ...]) -> int:
    told: list[Any] = [span.attributes or {} for span in finished]
    return sum(
        said.get(semconv.OPERATION_NAME) in semconv.CALL_OPERATIONS
        and semconv.ERROR_TYPE in said
        and not said.get(semconv.WRAPPER)
        for said in told
    )


def _open() -> list[str]:
    return [*map(str, runs._open), *llama_index_spans._open, *llama_index_spans.models._open]


def _traces(finished: tuple[ReadableSpan, ...]) -> dict[str, list[str]]:
    traces: dict[str, list[str]] = {}
    for span in finished:
        if span.context:
            traces.setdefault(f"{span.context.trace_id:x}"[:4], []).append(span.name)
    return traces


def _orphans(finished: tuple[ReadableSpan, ...]) -> list[str]:
    known = {span.context.span_id for span in finished if span.context}
    return [span.name for span in finished if span.parent and span.parent.span_id not in known]


async def _let_end() -> None:
    """Let tasks and threads end that the frameworks left running, and collect what was dropped."""
    deadline = monotonic() + PATIENCE_S
    ours = {task for task in asyncio.all_tasks() if "test_" in str(task.get_coro())} | {asyncio.current_task()}
    while (others := asyncio.all_tasks() - ours) and monotonic() < deadline:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait(others, timeout=0.2)
    for _ in range(2):
        gc.collect()
        await asyncio.sleep(0.002)
    while _open() and monotonic() < deadline:
        await asyncio.sleep(0.01)
        gc.collect()


async def shrunk(program: tuple[Piece, ...], broken: Any, simpler: Any) -> tuple[Piece, ...]:
    """Return the simplest application found in `SHRINKING_S` that still breaks a promise."""
    tried, deadline = True, monotonic() + SHRINKING_S
    while tried and monotonic() < deadline:
        tried = False
        for candidate in simpler(program):
            if await broken(candidate):
                program, tried = candidate, True
                break
    return program
