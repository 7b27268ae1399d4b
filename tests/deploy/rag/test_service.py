from __future__ import annotations

import json
import time
from itertools import product
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from spanmeter_rag.answer import MODES, WAYS

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import RunningService

QUESTION = "How are default argument values evaluated?"


@pytest.fixture(scope="session")
def ready(service: RunningService) -> RunningService:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if _answers(f"{service.url}/ready"):
            return service
        time.sleep(0.3)
    raise AssertionError(service.log.read_text())


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _query(service: RunningService, **body: Any) -> httpx.Response:
    return httpx.post(f"{service.url}/query", json={"question": QUESTION, **body}, timeout=60, trust_env=False)


@pytest.mark.parametrize(("way", "mode"), [*product(WAYS, MODES)])
def test_every_way_answers_in_every_mode_from_the_right_passage(ready: RunningService, way: str, mode: str) -> None:
    reply = _query(ready, way=way, mode=mode).json()
    assert (reply["way"], reply["mode"]) == (way, mode)
    assert "default" in reply["answer"]
    assert reply["sources"][0]["id"].partition("-")[0] in {"function", "compound"}
    assert len(reply["trace_id"]) == 32


def test_an_answer_is_logged_with_its_trace(ready: RunningService) -> None:
    trace_id = _query(ready).json()["trace_id"]
    lines = [json.loads(line) for line in ready.log.read_text().splitlines()]
    (line,) = (line for line in lines if line["message"] == "answered" and line["trace_id"] == trace_id)
    assert (line["way"], line["mode"], line["level"], len(line["span_id"])) == ("langchain", "async", "info", 16)


def test_metrics_show_the_requests_and_the_calls_made_for_them(ready: RunningService) -> None:
    _query(ready, way="mixed", mode="sync")
    text = httpx.get(f"{ready.url}/metrics", trust_env=False).text
    assert 'rag_requests_total{mode="sync",outcome="answered",way="mixed"}' in text
    assert 'gen_ai_client_token_usage_count{gen_ai_operation_name="embeddings"' in text
    assert "rag_spans_ended_total" in text


def test_no_model_call_is_spent_on_probes(ready: RunningService) -> None:
    before = ready.provider.record.report()
    for path in ("/health", "/ready", "/metrics"):
        assert _answers(f"{ready.url}{path}")
    assert ready.provider.record.report() == before


@pytest.mark.parametrize("body", [{"question": ""}, {"way": "guess"}, {"mode": "later"}, {"user": "u" * 201}])
def test_what_cannot_be_asked_is_refused(ready: RunningService, body: dict[str, str]) -> None:
    assert _query(ready, **body).status_code == 422
