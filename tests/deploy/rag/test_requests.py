from __future__ import annotations

import pytest

from spanmeter_rag.ledger import read_sample
from spanmeter_rag.requests import Requests


def test_answered_and_failed_questions_are_counted_and_timed() -> None:
    requests = Requests()
    with requests.measure(way="mixed", mode="sync"):
        pass
    with pytest.raises(ValueError, match="broken"), requests.measure(way="mixed", mode="sync"):
        raise ValueError("broken")
    text = requests.exposition().decode()
    assert 'rag_requests_total{mode="sync",outcome="answered",way="mixed"} 1.0' in text
    assert 'rag_requests_total{mode="sync",outcome="failed",way="mixed"} 1.0' in text
    assert read_sample(text, "rag_request_duration_seconds_count") == 2
