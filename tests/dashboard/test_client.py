from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from spanmeter_dashboard.answers import CostRow, Sums
from spanmeter_dashboard.client import Client, NotFoundError, SidecarError, UnreachableError
from spanmeter_dashboard.settings import Settings
from spanmeter_dashboard.window import Window

MODELS = {"gpt-4.1", "gpt-4o-mini", "house-model-1", "text-embedding-3-small"}


def test_cost_has_a_row_for_each_group_and_a_total(client: Client, last_hour: Window) -> None:
    answer = client.cost(last_hour, group_by=("model",))
    house = next(row for row in answer.rows if row.key == ("house-model-1",))
    assert {row.key[0] for row in answer.rows} == MODELS
    assert house == CostRow(
        ("house-model-1",), Sums(calls=1, unpriced_calls=1, input_tokens=100, output_tokens=50, cost_usd=None)
    )
    assert answer.total.cost_usd == sum((row.sums.cost_usd or Decimal(0)) for row in answer.rows)
    assert (answer.total.calls, answer.total.failed_calls, answer.priced_share) == (4, 1, 0.75)


def test_several_values_of_one_dimension_mean_any_of_them(client: Client, last_hour: Window) -> None:
    both = client.cost(last_hour, filters=(("model", "gpt-4.1"), ("model", "gpt-4o-mini"), ("tenant", "acme")))
    assert (both.total.calls, both.total.input_tokens, both.total.cached_input_tokens) == (1, 1200, 1000)


def test_a_tag_is_a_dimension(client: Client, last_hour: Window) -> None:
    rows = client.cost(last_hour, group_by=("tag.experiment",)).rows
    assert {row.key[0]: row.sums.calls for row in rows} == {"": 2, "b": 2}


def test_latency_is_of_the_spans_that_match(client: Client, last_hour: Window) -> None:
    answer = client.latency(last_hour, group_by=("model",), filters=(("operation", "chat"), ("model", "gpt-4.1")))
    assert [(row.key, row.count, row.errors) for row in answer.rows] == [(("gpt-4.1",), 1, 0)]
    assert answer.total.p50_s == pytest.approx(2.7, rel=0.05)


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("time", ["chat <house> & model", "RetrieverQueryEngine.query", "RunnableSequence"]),
        ("duration", ["RetrieverQueryEngine.query", "RunnableSequence", "chat <house> & model"]),
    ],
)
def test_traces_come_in_the_order_asked_for(client: Client, last_hour: Window, order: str, names: list[str]) -> None:
    found = client.traces(last_hour, order="duration" if order == "duration" else "time")
    assert ([trace.name for trace in found.traces], found.total) == (names, 3)


def test_traces_come_in_pages(client: Client, last_hour: Window) -> None:
    found = client.traces(last_hour, limit=1, offset=1)
    assert ([trace.name for trace in found.traces], found.total) == (["RetrieverQueryEngine.query"], 3)


def test_traces_can_be_those_with_errors(client: Client, last_hour: Window) -> None:
    found = client.traces(last_hour, errors_only=True)
    assert [(trace.name, trace.errors) for trace in found.traces] == [("RunnableSequence", 1)]


def test_a_trace_has_its_steps_in_order(client: Client) -> None:
    trace = client.trace("11" * 16)
    assert [(step.name, step.status) for step in trace.steps] == [
        ("RunnableSequence", "unset"),
        ("Retriever", "unset"),
        ("embeddings text-embedding-3-small", "unset"),
        ("chat gpt-4o-mini", "error"),
        ("chat gpt-4o-mini", "unset"),
    ]
    assert trace.total.cost_usd == sum(charge.usd or 0 for step in trace.steps for charge in step.charges)


@pytest.mark.parametrize("trace_id", ["ff" * 16, "no-id", "\0", "../budgets", "a?b"])
def test_a_trace_that_is_not_stored_is_not_found(client: Client, trace_id: str) -> None:
    with pytest.raises(NotFoundError):
        client.trace(trace_id)


def test_a_refused_question_gives_the_sidecars_reason(client: Client, last_hour: Window) -> None:
    with pytest.raises(SidecarError, match=r"^The sidecar refused the question \(400\): unknown dimension 'colour'"):
        client.cost(last_hour, group_by=("colour",))


def test_a_window_that_ends_before_it_starts_is_refused(client: Client, last_hour: Window) -> None:
    with pytest.raises(SidecarError, match="is not before"):
        client.cost(Window(last_hour.until, last_hour.until - timedelta(hours=1)))


def test_no_sidecar_is_a_sentence_with_the_address(unused_url: str, last_hour: Window) -> None:
    client = Client(Settings(unused_url))
    with pytest.raises(UnreachableError, match=f"^No sidecar answers at {unused_url}.$"):
        client.cost(last_hour)
    assert client.reachable() is False
    client.close()


def test_the_token_travels_as_bearer(sidecar: str) -> None:
    client = Client(Settings(sidecar, "secret"))
    assert httpx.Headers(client._http.headers)["authorization"] == "Bearer secret"
    client.close()


def test_a_running_sidecar_is_reachable(client: Client) -> None:
    assert client.reachable() is True


@contextmanager
def answering(status: int, told: object) -> Iterator[str]:
    """The address of what answers every question alike."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(told if isinstance(told, bytes) else json.dumps(told).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_parts_of_the_sidecar_that_are_not_well_have_their_reason() -> None:
    parts = {"disk": ("degraded", "full"), "log": ("failed", "ended"), "forward": ("off", ""), "store": ("ok", "")}
    told = {name: {"status": status, "reason": reason} for name, (status, reason) in parts.items()}
    with answering(503, {"status": "failed", "components": told}) as url, closing(Client(Settings(url))) as client:
        assert client.ailments() == {"disk": "full", "log": "ended"}


@pytest.mark.parametrize("told", [b"<html>not found</html>", "OK", ["OK"], {"status": "ok"}, {"components": "all"}])
def test_what_answers_in_the_sidecars_place_has_no_parts(told: object) -> None:
    with answering(200, told) as url, closing(Client(Settings(url))) as client:
        assert client.ailments() == {}
