"""`spanmeter doctor`, as a process, with and without a sidecar."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from spanmeter.doctor.delivery import deliver
from spanmeter_collector import doctor_sidecar
from spanmeter_collector import sidecar as sidecar_module
from spanmeter_collector.api import create_api
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store

NOWHERE = "http://127.0.0.1:9"
LEVELS = {"ok", "skipped", "warning"}


def doctor(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPANMETER_", "OTEL_"))}
    environ = kept | {"SPANMETER_SPOOL_DIR": str(folder / "spool")} | environment
    command = [sys.executable, "-m", "spanmeter_collector", "doctor", *words]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=180)


def test_all_is_well_in_an_environment_that_is_tested(sidecar: Any, tmp_path: Path) -> None:
    told = doctor(tmp_path, "--json", "--send", OTEL_EXPORTER_OTLP_ENDPOINT=sidecar.http)
    answer = json.loads(told.stdout)
    assert (told.returncode, told.stderr) == (0, "")
    assert {finding["level"] for finding in answer["findings"]} <= LEVELS
    replayed = [each["check"] for each in answer["findings"] if each["level"] == "ok" and "replay" in each["check"]]
    assert set(replayed) == {"LangChain replay", "LlamaIndex replay"}
    assert [each["text"] for each in answer["findings"] if each["check"] in {"delivery", "sidecar"}] == [
        f"{sidecar.http}/v1/traces took one span, with the headers that applications send",
        f"{sidecar.http} is ready",
        f"{sidecar.http} is of this version, 0.1.0, and answers questions",
        f"the span that was sent is stored: spanmeter trace {answer['sent']} (1 span)",
    ]
    assert sidecar.get("/api/v1/cost?since=5m&service=spanmeter-doctor")["total"]["calls"] == 0


def test_a_problem_is_told_with_what_to_do_and_fails(tmp_path: Path) -> None:
    # A replay that cannot import what the user names ends at once.
    told = doctor(tmp_path, "--import", "not_there", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert (told.returncode, told.stderr) == (1, "")
    lines = told.stdout.splitlines()
    assert lines[0] == f"Spanmeter 0.1.0 on Python {sys.version.split()[0]} at {sys.executable}"
    start = lines.index(
        "problem  LangChain replay        it did not run: ModuleNotFoundError: No module named 'not_there'"
    )
    assert lines[start + 1].strip().startswith("-> see why with: ")
    unreached = "problem  delivery                nobody takes spans at http://127.0.0.1:9/v1/traces: "
    assert any(line.startswith(unreached) for line in lines)
    assert lines[-1] == "3 problems; what to do stands behind ->."


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of an application that is served."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none"))
    listening = server.config.bind_socket()
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def told_of(destination: str, url: str = "") -> list[tuple[str, str]]:
    found = doctor_sidecar.ask_sidecar(f"{destination}/v1/traces", url=url, sent="")
    return [(finding["level"], finding["text"]) for finding in found]


def test_another_collector_is_told_from_the_sidecar() -> None:
    with serving(FastAPI()) as other:
        assert told_of(other) == [("warning", f"{other} is no Spanmeter sidecar")]


@pytest.mark.parametrize("ready", [{}, {"status": "ok"}, {"checks": {}}])
def test_a_program_that_is_well_in_few_words_is_told_from_the_sidecar(ready: dict[str, Any]) -> None:
    app = FastAPI()
    app.get("/health")(lambda: {"status": "ok"})
    app.get("/ready")(lambda: ready)
    with serving(app) as other:
        assert told_of(other) == [("warning", f"{other} is no Spanmeter sidecar")]


def test_who_asks_another_sidecar_than_applications_send_to_is_told(sidecar: Any) -> None:
    assert told_of(NOWHERE, sidecar.http)[0] == (
        "warning",
        f"applications in this environment send to {NOWHERE}, not to {sidecar.http}",
    )


def test_where_nobody_answers_the_sidecar_is_told_of_once() -> None:
    away = f"no sidecar answers at {NOWHERE} ([Errno 111] Connection refused); start one with: spanmeter up"
    assert told_of(NOWHERE) == []
    assert told_of("http://127.0.0.1:1", NOWHERE)[1:] == [("problem", away)]


def test_a_sidecar_that_is_not_well_says_so_itself(known: Store) -> None:
    status = Status(now=lambda: datetime(2026, 11, 22, 13, tzinfo=UTC))
    status.tell("prices", lambda: "prices.toml has changed")
    status.report("store", "cannot write")
    status.end("log", "the worker ended: OSError")
    since = "(since 2026-11-22T13:00:00+00:00)"
    with serving(create_api(store=known, status=status)) as url:
        assert told_of(url) == [
            ("problem", f"log of {url} has failed: the worker ended: OSError {since}"),
            ("problem", f"store of {url} is degraded: cannot write {since}"),
            ("warning", f"prices of {url} is degraded: prices.toml has changed"),
            ("ok", f"{url} is of this version, 0.1.0, and answers questions"),
        ]


def test_a_sidecar_that_asks_for_a_token_is_a_problem_without_it(start_sidecar: Any) -> None:
    guarded = start_sidecar(QUERY_TOKEN="secret")
    told = list(doctor_sidecar.ask_sidecar(f"{guarded.http}/v1/traces", url="", sent=""))
    assert [(finding["level"], finding["text"]) for finding in told] == [
        ("ok", f"{guarded.http} is ready"),
        ("problem", f"{guarded.http} does not answer questions"),
    ]
    assert told[1]["advice"].startswith("the sidecar asks for its token; set SPANMETER_QUERY_TOKEN")


def test_a_span_that_is_never_stored_is_a_problem(sidecar: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_sidecar, "STORED_WITHIN_S", 0.0)
    *_, told = doctor_sidecar.ask_sidecar(f"{sidecar.http}/v1/traces", url="", sent="0f" * 16)
    assert (told["level"], told["text"].partition(":")[0]) == (
        "problem",
        "the span that was sent is not stored after 0 s",
    )


def test_a_token_that_is_missing_is_a_problem_and_one_that_is_right_is_none(
    start_sidecar: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = start_sidecar(INGEST_TOKEN="secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", guarded.http)
    refused = deliver(send=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret")
    taken = deliver(send=True)
    assert refused is not None
    assert taken is not None
    url = f"{guarded.http}/v1/traces"
    missing = "the header Authorization: Bearer <SPANMETER_INGEST_TOKEN> is missing or wrong"
    text = f"{url} refuses spans: 401 Unauthorized: {missing}"
    assert (refused.finding.level, refused.finding.text) == ("problem", text)
    assert refused.finding.advice.startswith("set OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20<")
    assert (taken.finding.level, taken.url, len(taken.trace_id)) == ("ok", url, 32)


def test_a_malformed_address_is_left_to_the_check_of_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere")
    assert deliver(send=False) is None


def test_a_sidecar_that_does_not_answer_any_more_is_not_taken_for_another_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sidecar_module, "_PROBE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        url = f"http://127.0.0.1:{frozen.getsockname()[1]}"
        assert told_of(url) == [("problem", f"{url} listens and does not say how it is")]


def test_a_sidecar_that_takes_nothing_now_is_not_one_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    app = FastAPI()
    app.post("/v1/traces", status_code=503)(lambda: {"error": "full"})
    with serving(app) as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        told = deliver(send=False)
    assert told is not None
    text = f'{url}/v1/traces takes no spans at the moment: 503 Service Unavailable: {{"error":"full"}}'
    assert (told.finding.level, told.finding.text) == ("problem", text)
