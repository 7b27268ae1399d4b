from __future__ import annotations

import pytest

from spanmeter_rag.ledger import read_sample

EXPOSITION = """# HELP spans_total Spans.
# TYPE spans_total counter
spans_total{service="a"} 3.0
spans_total{service="b"} 4.0
spans_total_created 9.0
pending 2
"""


@pytest.mark.parametrize(("name", "value"), [("spans_total", 7), ("pending", 2), ("absent", 0)])
def test_the_samples_of_a_family_are_added_up(name: str, value: int) -> None:
    assert read_sample(EXPOSITION, name) == value
