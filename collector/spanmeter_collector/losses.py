"""The loss check: what application processes counted themselves, before sampling and any queue, and what arrived.

Of each process that was heard of in a period all its life is compared, up to its last reading that came in before a
settling time: spans come later than the counters that count them, but hardly by that. Both sides of a comparison are
cut by the process's own clock, so clocks need not agree. A spool that is delivered later makes good what was missing.

What cannot be known: calls after the last reading of a process that was killed, up to 10 s of them, and calls that only
other instrumentations tell of, for those count nothing (`not_covered`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from spanmeter import semconv
from spanmeter_collector.clauses import filtered
from spanmeter_collector.loss import Figures, Loss, total
from spanmeter_collector.losses_answer import LossAnswer, LossesAnswer, LossFigures
from spanmeter_collector.money import usd_text
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.selection import Dimensions, Options, Selection
from spanmeter_collector.store import Store
from spanmeter_collector.times import read_length, write_nanoseconds, write_time

SETTLE: Final = "2m"
MOST_ROWS: Final = 10_000
_PROCESSES: Final = Dimensions(keys={"service": "service", "instance": "instance"}, texts={})
_MOST_SETTLE: Final = timedelta(days=1)
_MILLISECOND: Final = timedelta(milliseconds=1)
_COUNTERS: Final = tuple(
    f"{semconv.COUNTER_PREFIX}{name}"
    for name in ("calls", "failed_calls", "tokens", "cost_usd", "spans", "exported_spans", "dropped_spans")
)


def options(settle: str = SETTLE) -> Options:
    """What the question understands, with the settling time that holds unless it says another."""
    return Options(_PROCESSES, {"since": "24h", "until": "", "settle": settle, "limit": "1000", "offset": "0"})


def answer_losses(store: Store, selection: Selection, *, now: datetime) -> LossesAnswer:
    """What the processes of a selection told and the ledger lacks, those that miss most first.

    Raises:
        QuestionError: The settling time, the limit or the offset is not allowed.
    """
    limit = selection.whole("limit", least=1, most=MOST_ROWS)
    offset = selection.whole("offset", least=0, most=10**9)
    settled = settled_until(selection, now)
    found = losses(store, selection, settled=settled)
    page = found[offset : offset + limit]
    clauses = filtered(selection, _NOT_COVERED)
    return LossesAnswer(
        rows=[_row(loss) for loss in page],
        told=_figures(total(loss.told for loss in found)),
        unsampled=_figures(total(loss.unsampled for loss in found)),
        arrived=_figures(total(loss.arrived for loss in found)),
        missing=_figures(total(loss.missing for loss in found)),
        surplus=_figures(total(loss.surplus for loss in found)),
        processes=len(found),
        processes_missing=sum(loss.missing != Figures() for loss in found),
        not_covered={
            row["service"]: row["calls"]
            for row in store.query("losses_not_covered", clauses.parameters, clauses.fragments)
        },
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
        settled_until=write_time(settled),
        truncated=offset + limit < len(found),
    )


def losses(store: Store, selection: Selection, *, settled: datetime) -> Sequence[Loss]:
    """Every process of a selection, by its readings that came in until `settled`; those that miss most come first."""
    clauses = filtered(selection, _PROCESSES)
    parameters = {**clauses.parameters, "settled": _milliseconds(settled), "names": list(_COUNTERS)}
    found = [Loss.of(row) for row in store.query("losses", parameters, clauses.fragments)]
    return sorted(found, key=lambda loss: (-loss.missing.usd, -loss.missing.calls, -loss.missing.failed_calls))


_NOT_COVERED: Final = Dimensions(keys={"service": "charges.service", "instance": "charges.counted_by"}, texts={})


def settled_until(selection: Selection, now: datetime) -> datetime:
    """Until when counters have to have come in to be compared.

    Raises:
        QuestionError: The settling time is not allowed.
    """
    text = selection.options["settle"]
    try:
        settle = read_length(text)
    except (ValueError, OverflowError):
        settle = _MOST_SETTLE * 2
    if settle > _MOST_SETTLE:
        raise QuestionError(f"settle={text!r} is not allowed; allowed: a length up to 24h, such as 30s or 2m")
    return min(selection.period.until, now - settle)


def _milliseconds(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // _MILLISECOND


def _row(loss: Loss) -> LossAnswer:
    return LossAnswer(
        service=loss.service,
        instance=loss.instance,
        started=write_nanoseconds(loss.started_ns),
        starts=loss.starts,
        last_heard=write_nanoseconds(loss.last_heard_ms * 1_000_000),
        told=_figures(loss.told),
        unsampled=_figures(loss.unsampled),
        arrived=_figures(loss.arrived),
        missing=_figures(loss.missing),
        surplus=_figures(loss.surplus),
        reason=loss.reason,
        dropped_spans=dict(loss.dropped_spans),
        waiting_spans=loss.waiting_spans,
        priced_differently=loss.is_priced_differently,
    )


def _figures(figures: Figures) -> LossFigures:
    return LossFigures(
        calls=figures.calls,
        failed_calls=figures.failed_calls,
        tokens=figures.tokens,
        usd=usd_text(figures.usd) or "0",
    )
