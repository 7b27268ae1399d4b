"""An answer of the application's cache is told from one of a model on every version of langchain-core."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain_core.messages import AIMessage

from spanmeter.langchain.cached import is_cached, maker_of

RUN = UUID("01a2041f-a37f-720d-9123-ce2bd74d5615")
USAGE: Any = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
MARK = {"total_cost": 0}
HIT: Any = {**USAGE, **MARK}

MESSAGES = {
    "its own": (AIMessage("a", id=f"lc_run--{RUN}-0", usage_metadata=USAGE), False, False),
    "its own before 1.0": (AIMessage("a", id=f"run--{RUN}-0", usage_metadata=USAGE), False, False),
    "the provider's": (AIMessage("a", id="resp_1", usage_metadata=USAGE), False, False),
    "another run's": (AIMessage("a", id=f"run-{uuid4()}", usage_metadata=USAGE), False, True),
    "a marked hit": (AIMessage("a", id=f"lc_run--{uuid4()}-0", usage_metadata=HIT), True, True),
    "a hit without usage": (
        AIMessage("a", id=f"run-{uuid4()}").model_copy(update={"usage_metadata": MARK}),
        True,
        True,
    ),
    "a text": (AIMessage("a"), True, True),
    "no message": (None, False, False),
}


@pytest.mark.parametrize(("message", "marked", "unmarked"), MESSAGES.values(), ids=MESSAGES)
def test_a_hit_is_known_by_its_mark_or_else_by_the_run_it_names(message: Any, marked: Any, unmarked: Any) -> None:
    assert is_cached(message, run_id=RUN, marks_hits=True) is marked
    assert is_cached(message, run_id=RUN, marks_hits=False) is unmarked


def test_the_id_of_a_message_names_the_run_that_made_it() -> None:
    assert [maker_of(given) for given in (f"run-{RUN}", f"lc_run--{RUN}", "resp_1", "")] == [str(RUN)] * 2 + [""] * 2
