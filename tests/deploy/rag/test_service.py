from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from spanmeter_rag.answer import MODES, WAYS
from spanmeter_rag.logs import configure_logs
from spanmeter_rag.patience import Patience
from spanmeter_rag.requests import Requests
from spanmeter_rag.router import Router
from spanmeter_rag.service import create_app
from spanmeter_rag.settings import Settings
from spanmeter_rag.workload import Workload

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import Finish, RunningService

QUESTION = "How are default argument values evaluated?"


@pytest.fixture(scope="session")
def ready(service: RunningService) -> RunningService:
    return _until_ready(service)


def _until_ready(service: RunningService) -> RunningService:
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


@contextmanager
def conditions(service: RunningService, **wanted: Any) -> Iterator[None]:
    url = f"{service.provider.url}/conditions"
    httpx.put(url, json=wanted, trust_env=False).raise_for_status()
    try:
        yield
    finally:
        httpx.put(url, json={}, trust_env=False).raise_for_status()


def _metric(service: RunningService, sample: str) -> float:
    text = httpx.get(f"{service.url}/metrics", trust_env=False).text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"{sample} "))


def test_what_the_settings_did_is_told(ready: RunningService) -> None:
    reply = _query(ready, way="llama_index").json()
    assert (reply["degraded"], reply["reason"], reply["model"]) == (False, "", "gpt-4.1-mini")
    assert reply["effects"]["top_k"]["tokens"] > 100
    assert _metric(ready, 'rag_effect_requests_total{effect="embedding_batch"}') > 800


def test_a_request_keeps_its_id(ready: RunningService) -> None:
    asked = {"question": QUESTION}
    response = httpx.post(
        f"{ready.url}/query", json=asked, headers={"X-Request-ID": "r:1"}, timeout=60, trust_env=False
    )
    assert (response.headers["X-Request-ID"], response.json()["request_id"]) == ("r:1", "r:1")
    lines = [json.loads(line) for line in ready.log.read_text().splitlines()]
    assert [line["message"] for line in lines if line.get("request_id") == "r:1"] == ["answered"]
    assert {entry.get("request_id") for entry in ready.provider.record.report()["requests"]} >= {"r:1"}
    odd = httpx.post(f"{ready.url}/query", json=asked, headers={"X-Request-ID": "a b"}, timeout=60, trust_env=False)
    assert len(odd.json()["request_id"]) == 32


def test_a_small_model_chooses_the_way_when_asked_to(ready: RunningService) -> None:
    reply = _query(ready, way="auto").json()
    assert (reply["way"], reply["model"], reply["effects"]["routing"]["count"]) == ("langchain", "gpt-4o-mini", 1)


@pytest.mark.parametrize(("way", "mode"), [("mixed", "async"), ("langgraph", "sync"), ("langgraph", "stream")])
def test_another_model_answers_when_one_is_down(ready: RunningService, way: str, mode: str) -> None:
    with conditions(ready, down=True, models=["gpt-4o", "gpt-5-mini"]):
        reply = _query(ready, way=way, mode=mode).json()
    assert (reply["model"], reply["degraded"]) == ("gpt-4o-mini", False)
    assert reply["effects"]["fallback"]["count"] == 1
    assert reply["effects"]["retry"]["count"] >= 2  # of the model that is down; this provider refuses some others too
    assert "default" in reply["answer"]


@pytest.mark.parametrize("way", WAYS)
def test_when_the_provider_is_down_the_passages_stand_alone(ready: RunningService, way: str) -> None:
    degraded = f'rag_requests_total{{mode="sync",outcome="degraded",way="{way}"}}'
    before = _metric(ready, degraded)
    with conditions(ready, down=True):
        answered_before = ready.provider.record.report()["total"]["calls"]
        response = _query(ready, way=way, mode="sync")
        readiness = httpx.get(f"{ready.url}/ready", trust_env=False)
        assert ready.provider.record.report()["total"]["calls"] == answered_before

    reply = response.json()
    assert (response.status_code, reply["degraded"], reply["model"]) == (200, True, "")
    assert reply["answer"].startswith("No language model can be asked at the moment. This is not an answer")
    assert "503" in reply["reason"]
    assert "default" in "".join(source["excerpt"] for source in reply["sources"])
    told = readiness.json()
    assert (readiness.status_code, told["ready"], told["degraded"]) == (200, True, True)
    assert told["checks"]["provider"] == f"{ready.provider.url}/v1 answers 503"
    assert httpx.get(f"{ready.url}/ready", trust_env=False).json()["degraded"] is False
    assert _metric(ready, degraded) - before == 1


def test_without_degraded_replies_it_is_not_ready_until_the_provider_is_back_and_a_spent_budget_is_429(
    strict_service: RunningService,
) -> None:
    _until_ready(strict_service)
    with conditions(strict_service, down=True):
        failed = _query(strict_service)
        readiness = httpx.get(f"{strict_service.url}/ready", trust_env=False)
        health = httpx.get(f"{strict_service.url}/health", trust_env=False)
    alone = _query(strict_service)
    _until_ready(strict_service)
    refused = next(reply for _ in range(6) if (reply := _query(strict_service)).status_code == 429)

    assert (failed.status_code, alone.status_code) == (502, 502)
    assert "asked again in" in alone.json()["error"]
    assert (readiness.status_code, readiness.json()["ready"], readiness.json()["degraded"]) == (503, False, False)
    assert (health.status_code, health.json()["status"]) == (200, "up")
    assert 1 <= int(refused.headers["Retry-After"]) <= 86_400
    assert "rag-answers" in refused.json()["error"]
    lines = [json.loads(line) for line in strict_service.log.read_text().splitlines()]
    told = {line["request_id"]: line["error_type"] for line in lines if line["message"] == "failed"}
    for each in (failed, alone):
        assert each.json()["error"].startswith(f"the provider failed: {told[each.headers['X-Request-ID']]}: ")
    assert told[refused.headers["X-Request-ID"]] == "BudgetExceeded"


def test_an_error_that_nobody_expected_is_logged_with_whose_question_it_was(
    finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    app = create_app(Settings(), Requests())

    async def ask() -> httpx.Response:
        app.state.building = asyncio.get_running_loop().create_future()
        app.state.building.set_result(Workload({}, Router(None, Patience(Settings().resilience))))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            body = {"question": QUESTION, "way": "mixed", "tenant": "acme"}
            return await client.post("/query", json=body, headers={"X-Request-ID": "order-7"})

    with configure_logs():
        response = finish(ask())
    line = json.loads(capsys.readouterr().err)
    known = {name: line[name] for name in ("level", "message", "request_id", "tenant", "feature", "way", "error_type")}
    assert (response.status_code, response.headers["X-Request-ID"]) == (500, "order-7")
    assert known == {
        "level": "error",
        "message": "failed",
        "request_id": "order-7",
        "tenant": "acme",
        "feature": "answer",
        "way": "mixed",
        "error_type": "KeyError",
    }
    assert line["error"].endswith("KeyError: 'mixed'")


@pytest.mark.parametrize("body", [{"question": ""}, {"way": "guess"}, {"mode": "later"}, {"user": "u" * 201}])
def test_what_cannot_be_asked_is_refused(ready: RunningService, body: dict[str, str]) -> None:
    assert _query(ready, **body).status_code == 422
