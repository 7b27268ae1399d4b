"""One trace: its bill and its steps as a waterfall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from spanmeter_dashboard import controls, figures, markup, notices, palette
from spanmeter_dashboard.answers import Trace
from spanmeter_dashboard.client import Client, NotFoundError
from spanmeter_dashboard.rankings import clock
from spanmeter_dashboard.waterfall import waterfall

_QUOTING = frozenset({"chat", "text_completion", "generate_content", "retrieval", "execute_tool", "invoke_agent"})
"""Operations of which a text may be stored; embeddings have none."""


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
    st.html(f'<h2 class="sm-heading">{markup.text(trace.name or trace_id)}</h2>')
    _facts(trace)
    _bill(trace)
    with st.container(border=True):
        st.html(waterfall(trace))
        st.html(_colours(trace))
    if any(step.operation in _QUOTING for step in trace.steps) and all(step.content is None for step in trace.steps):
        st.html(notices.no_content(stored=trace.stores_content))


def _facts(trace: Trace) -> None:
    services = sorted({step.service for step in trace.steps if step.service})
    frameworks = sorted({step.framework for step in trace.steps if step.framework})
    facts = (clock(trace.start, controls.zone()), ", ".join(services), ", ".join(frameworks), f"trace {trace.trace_id}")
    st.html(f'<div class="sm-sub">{"".join(f"<span>{markup.text(fact)}</span>" for fact in facts if fact)}</div>')


def _bill(trace: Trace) -> None:
    total = trace.total
    cards = (
        (f"Cost · {figures.share(trace.priced_share)} priced", figures.money(total.cost_usd), None),
        ("Duration", figures.duration(trace.duration_s), None),
        ("Calls", figures.count(total.calls), _part(total.failed_calls, figures.count, "failed")),
        ("Tokens in", figures.tokens(total.input_tokens), _part(total.cached_input_tokens, figures.tokens, "cached")),
        ("Tokens out", figures.tokens(total.output_tokens), _part(total.reasoning_tokens, figures.tokens, "reasoning")),
    )
    grid = st.grid(5, min_column_width=150)
    for label, value, part in cards:
        colour: Literal["red", "off"] = "red" if label == "Calls" else "off"
        grid.metric(label, value, delta=part, delta_color=colour, delta_arrow="off", border=True, height="stretch")


def _part(number: int, written: Callable[[int], str], name: str) -> str | None:
    return f"{written(number)} {name}" if number else None


def _colours(trace: Trace) -> str:
    operations = dict.fromkeys(step.operation for step in trace.steps if step.operation in palette.OPERATIONS)
    entries = [(operation, palette.of_operation(operation), "") for operation in operations]
    return markup.legend([*entries, ("other steps", palette.NEUTRAL, "")])
