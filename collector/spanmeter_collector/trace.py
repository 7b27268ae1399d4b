"""One trace, step by step, with what each step cost."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from spanmeter_collector.answers import CostFigures
from spanmeter_collector.cost import COUNTS, priced_share
from spanmeter_collector.money import usd_text
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.quote import read_content
from spanmeter_collector.store import Store
from spanmeter_collector.times import write_nanoseconds
from spanmeter_collector.trace_answer import ChargeAnswer, EventAnswer, SpanAnswer, TraceAnswer
from spanmeter_collector.wording import counted

MOST_SPANS: Final = 20_000

_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")
_AS_THEY_ARE = (
    "name",
    "operation",
    "framework",
    "service",
    "scope",
    "provider",
    "model",
    "status",
    "error_type",
)

Row = Mapping[str, Any]


class UnknownTraceError(LookupError):
    """No span of this trace is stored."""


def answer_trace(store: Store, trace_id: str, *, stores_content: bool = False) -> TraceAnswer:
    """The trace with this id of 32 hexadecimal digits, its first 20,000 spans in the order they started.

    Raises:
        QuestionError: The id is malformed.
        UnknownTraceError: No span of it is stored.
    """
    if _TRACE_ID.fullmatch(trace_id) is None:
        raise QuestionError(f"trace id {trace_id[:64]!r} is malformed; allowed: 32 hexadecimal digits")
    spans = store.query("trace", {"trace_id": trace_id, "limit": MOST_SPANS})
    charges = store.query("trace_charges", {"trace_id": trace_id})
    if not spans:
        raise UnknownTraceError(_why_unknown(trace_id, charges))
    return _trace(trace_id.lower(), spans, charges, stores_content=stores_content)


def _why_unknown(trace_id: str, charges: Sequence[Row]) -> str:
    if not charges:
        return f"no trace {trace_id} is stored; it may be older than what is kept, or not here yet"
    total = _figures(charges)
    cost = "at an unknown price" if total.cost_usd is None else f"for ${total.cost_usd}"
    charged = f"{counted(total.calls, 'call')} {cost}"
    return f"the spans of trace {trace_id} were dropped; the ledger keeps what was charged: {charged}"


def _trace(trace_id: str, spans: Sequence[Row], charges: Sequence[Row], *, stores_content: bool) -> TraceAnswer:
    start = min(span["start_ns"] for span in spans)
    total = _figures(charges)
    by_span: defaultdict[str, list[Row]] = defaultdict(list)
    for charge in charges:
        by_span[charge["span"]].append(charge)
    return TraceAnswer(
        trace_id=trace_id,
        name=min(spans, key=lambda span: (span["parent"] != "", span["start_ns"]))["name"],
        start=write_nanoseconds(start),
        duration_s=(max(span["start_ns"] + span["duration_ns"] for span in spans) - start) / 1e9,
        total=total,
        priced_share=priced_share(total),
        stores_content=stores_content,
        spans=[_span(span, by_span[span["span"]], start) for span in spans],
    )


def _span(span: Row, charges: Sequence[Row], trace_start: int) -> SpanAnswer:
    quoted = read_content(span["attributes"])
    return SpanAnswer(
        span_id=span["span"],
        parent_span_id=span["parent"],
        start=write_nanoseconds(span["start_ns"]),
        offset_s=(span["start_ns"] - trace_start) / 1e9,
        duration_s=span["duration_ns"] / 1e9,
        time_to_first_chunk_s=span["first_chunk_ns"] / 1e9 if span["first_chunk_ns"] else None,
        grade=next((charge["grade"] for charge in charges if charge["component"] == "call"), ""),
        wrapper=bool(span["wrapper"]),
        charges=[_charge(charge) for charge in charges if charge["component"] != "call"],
        content=quoted.content,
        attributes={key: said for key, said in span["attributes"].items() if key not in quoted.keys},
        events=[_event(event) for event in json.loads(span["events"] or "[]")],
        **{name: span[name] for name in _AS_THEY_ARE},
        **_figures(charges).model_dump(),
    )


def _event(event: Row) -> EventAnswer:
    return EventAnswer(name=event["name"], time=write_nanoseconds(event["time"]), attributes=event["attributes"])


def _charge(charge: Row) -> ChargeAnswer:
    return ChargeAnswer(
        usd=usd_text(charge["usd"]),
        usd_per_unit=usd_text(charge["usd_per_unit"]),
        **{name: charge[name] for name in ("component", "quantity", "unit", "grade", "price_version")},
    )


def _figures(charges: Iterable[Row]) -> CostFigures:
    rows = list(charges)
    counts = {name: sum(row[name] for row in rows) for name in COUNTS}
    known = [row["usd"] for row in rows if row["usd"] is not None]
    usd = sum(known, Decimal(0))
    unknown = bool(rows) and (not known or (usd == 0 and counts["unpriced_calls"] >= counts["calls"] > 0))
    return CostFigures(cost_usd=None if unknown else usd_text(usd), **counts)
