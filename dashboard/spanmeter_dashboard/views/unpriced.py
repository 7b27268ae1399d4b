"""What is not in the spend: models without a known price, and what to do about them."""

from __future__ import annotations

import streamlit as st

from spanmeter_dashboard import figures, rankings
from spanmeter_dashboard.answers import Cost

_MOST = 20


def show(answer: Cost) -> None:
    """Draw the list, or nothing where every call has a price."""
    if not answer.unpriced:
        return
    with st.container(border=True):
        st.subheader("Without a known price", anchor=False)
        st.html(f"<p>{_sentence(answer)}</p>{rankings.unpriced(answer.unpriced[:_MOST])}")


def _sentence(answer: Cost) -> str:
    missing, calls = answer.total.unpriced_calls, answer.total.calls
    of = f"{figures.count(missing)} of {figures.count(calls)} calls"
    rest = len(answer.unpriced) - _MOST
    more = f" The {_MOST} models with the most tokens are listed, {rest} more are not." if rest > 0 else ""
    return (
        f"What {of} cost is unknown and not in the spend. Give these models prices in the file that "
        f"<code>SPANMETER_PRICES</code> names, then run <code>spanmeter reprice</code>.{more}"
    )
