from __future__ import annotations

from typing import Any

import pytest

from spanmeter_collector.digest import digest

RECORDS: dict[str, list[Any]] = {
    "trace_id": [b"a" * 16, b"b" * 16],
    "entry": ["charge", "reversal"],
    "recorded_at": [1, 2],
}


def test_the_same_records_have_the_same_digest_whenever_they_come() -> None:
    assert digest(RECORDS) == digest(RECORDS | {"recorded_at": [3, 4]})


@pytest.mark.parametrize(
    "others",
    [
        {"trace_id": [b"a" * 16]},
        {"entry": ["charge", "charge"]},
        {"entry": ["chargereversal", ""]},
        {"span_id": [b"a" * 8, b"b" * 8]},
    ],
)
def test_other_records_have_another(others: dict[str, list[Any]]) -> None:
    assert digest(RECORDS | others) != digest(RECORDS)
