"""One trace: its bill and its steps as a waterfall."""

from __future__ import annotations

import streamlit as st

from spanmeter_dashboard import controls, figures, markup, notices, palette
from spanmeter_dashboard.answers import Trace
from spanmeter_dashboard.client import Client, NotFoundError
from spanmeter_dashboard.rankings import clock
from spanmeter_dashboard.waterfall import waterfall


def show(client: Client, trace_id: str) -> None:
    """Draw the page of one trace."""
    if st.button("All traces", icon=":material/arrow_back:", type="tertiary"):
        del st.query_params["trace"]
        st.rerun()
    try:
        trace = client.trace(trace_id)
    except NotFoundError:
        st.html(notices.no_such_trace(trace_id))
        return
    st.header(trace.name or trace_id, anchor=False)
    _facts(trace)
    _bill(trace)
    with st.container(border=True):
        st.html(waterfall(trace))
        st.html(_colours(trace))


def _facts(trace: Trace) -> None:
    services = sorted({step.service for step in trace.steps if step.service})
    frameworks = sorted({step.framework for step in trace.steps if step.framework})
    facts = (clock(trace.start, controls.zone()), ", ".join(services), ", ".join(frameworks), f"trace {trace.trace_id}")
    st.html(f'<div class="sm-sub">{"".join(f"<span>{markup.text(fact)}</span>" for fact in facts if fact)}</div>')


def _bill(trace: Trace) -> None:
    total = trace.total
    cards = (
        (f"Cost · {figures.share(trace.priced_share)} priced", figures.money(total.cost_usd)),
        ("Duration", figures.duration(trace.duration_s)),
        ("Calls", _calls(trace)),
        ("Tokens in", _with_part(total.input_tokens, total.cached_input_tokens, "cached")),
        ("Tokens out", _with_part(total.output_tokens, total.reasoning_tokens, "reasoning")),
    )
    grid = st.grid(5, min_column_width=160)
    for label, value in cards:
        grid.metric(label, value, border=True)


def _calls(trace: Trace) -> str:
    failed = f" + {figures.count(trace.total.failed_calls)} failed" if trace.total.failed_calls else ""
    return f"{figures.count(trace.total.calls)}{failed}"


def _with_part(whole: int, part: int, name: str) -> str:
    return f"{figures.tokens(whole)}" + (f" ({figures.tokens(part)} {name})" if part else "")


def _colours(trace: Trace) -> str:
    operations = dict.fromkeys(step.operation for step in trace.steps if step.operation in palette.OPERATIONS)
    entries = [(operation, palette.of_operation(operation), "") for operation in operations]
    return markup.legend([*entries, ("other steps", palette.NEUTRAL, "")])
