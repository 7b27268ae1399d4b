from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]
StartSidecar = Callable[..., Any]
PROTOBUF = {"content_type": "application/x-protobuf"}
IDLE_RSS_KB = 350 * 1024


@pytest.fixture
def send(span: MakeSpan, request_of: MakeRequest, call_attributes: dict[str, Any]) -> Callable[..., None]:
    """Send calls by number in one request and see it acknowledged."""

    def send_to(sidecar: Any, *numbers: int) -> None:
        body = request_of(*(span(number, attributes=call_attributes) for number in numbers)).SerializeToString()
        assert sidecar.post("/v1/traces", body, **PROTOBUF).status_code == 200

    return send_to


def bill(sidecar: Any) -> tuple[int, str]:
    total = sidecar.get("/api/v1/cost?since=2026-11-22T00:00:00Z&until=2026-11-23T00:00:00Z")["total"]
    return total["calls"], total["cost_usd"]


def test_acknowledged_spans_survive_kill_9(start_sidecar: StartSidecar, send: Callable[..., None]) -> None:
    first = start_sidecar()
    send(first, *range(1, 101))
    first.process.kill()
    first.process.wait()

    second = start_sidecar()
    second.settle()

    assert bill(second) == (100, "0.0195")


def test_spans_sent_again_after_a_restart_change_nothing(
    start_sidecar: StartSidecar, send: Callable[..., None]
) -> None:
    first = start_sidecar()
    send(first, 1, 2, 2)
    send(first, 2)
    assert first.stop() == 0

    second = start_sidecar()
    send(second, 1, 2, 3)
    second.settle()

    assert bill(second) == (3, "0.000585")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stores_what_is_pending_and_ends_well(
    start_sidecar: StartSidecar, send: Callable[..., None], tmp_path: Path, number: signal.Signals
) -> None:
    sidecar = start_sidecar()
    send(sidecar, 1)
    sidecar.process.send_signal(number)

    assert sidecar.process.wait(30) == 0
    log = tmp_path / "data" / "log"
    assert (list(log.glob("*.log")), (log / "checkpoint").exists()) == ([], True)


def test_a_signal_before_the_doors_are_open_ends_well(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "SPANMETER_DATA_DIR": str(tmp_path), "SPANMETER_LISTEN": "127.0.0.1:0"}
    command = [sys.executable, "-m", "spanmeter_collector", "collector"]
    with subprocess.Popen(command, env=environ | {"SPANMETER_GRPC_LISTEN": "127.0.0.1:0"}) as process:
        while not caught(process.pid) & 1 << signal.SIGTERM - 1:
            assert process.poll() is None
        process.terminate()

        assert process.wait(30) == 0


def caught(pid: int) -> int:
    """The set of signals that a process does not die of, see proc_pid_status(5)."""
    (line,) = re.findall(r"SigCgt:\t(.*)", Path(f"/proc/{pid}/status").read_text())
    return int(line, 16)


def test_a_damaged_log_never_stops_the_start(
    start_sidecar: StartSidecar, send: Callable[..., None], tmp_path: Path
) -> None:
    first = start_sidecar()
    send(first, 1)
    first.process.kill()
    first.process.wait()
    (segment,) = (tmp_path / "data" / "log").glob("*.log")
    with segment.open("ab") as torn:
        torn.write(b"\x10\x00\x00\x00torn")

    second = start_sidecar()
    second.settle()

    assert bill(second) == (1, "0.000195")
    assert second.counts('spanmeter_collector_refused_requests_total{reason="damaged_log"}', 1)
    assert [path.read_bytes() for path in (tmp_path / "data" / "log" / "damaged").iterdir()] == [
        b"\x10\x00\x00\x00torn"
    ]


@pytest.mark.parametrize("variable", ["LISTEN", "GRPC_LISTEN"])
def test_a_taken_port_is_named_with_the_variable_that_changes_it(start_sidecar: StartSidecar, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Exception, match="another program listens there") as refused:
            start_sidecar(**{variable: f"127.0.0.1:{port}"})

    assert str(refused.value) == (
        f"1 spanmeter collector: SPANMETER_{variable}='127.0.0.1:{port}': another program listens there; "
        f"stop it, or set SPANMETER_{variable} to another host:port"
    )


def test_a_wrong_setting_stops_the_start(start_sidecar: StartSidecar) -> None:
    with pytest.raises(Exception, match="SPANMETER_STORE='sqlite:///x': expected chdb:///absolute/directory or "):
        start_sidecar(STORE="sqlite:///x")


def test_a_second_sidecar_on_one_directory_is_refused(start_sidecar: StartSidecar, tmp_path: Path) -> None:
    start_sidecar()

    with pytest.raises(Exception, match=f"SPANMETER_DATA_DIR='{tmp_path}/data': another sidecar uses this directory"):
        start_sidecar()


def test_a_store_in_use_stops_the_start(start_sidecar: StartSidecar, tmp_path: Path) -> None:
    store = f"chdb://{tmp_path}/store"
    start_sidecar(STORE=store)

    with pytest.raises(Exception, match=r"SPANMETER_STORE='.*': the store cannot be opened: "):
        start_sidecar(STORE=store, DATA_DIR=str(tmp_path / "other"))


def test_a_store_that_does_not_answer_stops_the_start(start_sidecar: StartSidecar) -> None:
    with pytest.raises(Exception, match=r"STORE='clickhouse://127\.0\.0\.1:1/x': the store cannot be opened: "):
        start_sidecar(STORE="clickhouse://ada:secret@127.0.0.1:1/x")


def test_with_a_query_token_only_health_is_open(start_sidecar: StartSidecar) -> None:
    sidecar = start_sidecar(QUERY_TOKEN="s3cret")
    bearer = {"authorization": "Bearer s3cret"}

    closed = httpx.get(f"{sidecar.http}/api/v1/cost")

    assert (closed.status_code, closed.json()) == (
        401,
        {"error": "the header Authorization: Bearer <SPANMETER_QUERY_TOKEN> is missing or wrong"},
    )
    assert [httpx.get(f"{sidecar.http}{path}").status_code for path in ("/health", "/ready", "/metrics")] == [
        200,
        200,
        401,
    ]
    assert httpx.get(f"{sidecar.http}/api/v1/cost", headers=bearer).status_code == 200
    assert sidecar.post("/v1/traces", b"", **PROTOBUF).status_code == 200


def test_health_names_every_part_of_a_sidecar_and_files_that_changed(
    start_sidecar: StartSidecar, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text("", encoding="utf-8")
    sidecar = start_sidecar(PRICES=str(prices))
    before = sidecar.get("/health")
    prices.write_text('[[discount]]\nprovider = "openai"\nmodel = "*"\npercent = 20\n', encoding="utf-8")
    changed = sidecar.get("/health")
    sidecar.post("/api/v1/reprice", b"")

    names = ("backlog", "budgets", "damage", "disk", "forward", "log", "prices", "retention", "store")
    well, off = {"status": "ok", "reason": ""}, {"status": "off", "reason": ""}
    assert before == {"status": "ok", "components": dict.fromkeys(names, well) | {"forward": off}}
    assert (changed["status"], changed["components"]["prices"]) == (
        "degraded",
        {
            "status": "degraded",
            "reason": "prices.toml has changed since it was read; `spanmeter reprice` has it read again",
        },
    )
    assert sidecar.get("/health")["status"] == "ok"


def test_an_idle_sidecar_stays_below_350_mb(start_sidecar: StartSidecar) -> None:
    sidecar = start_sidecar()
    sidecar.get("/api/v1/cost")
    status = Path(f"/proc/{sidecar.process.pid}/status").read_text()
    (resident,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))

    assert resident < IDLE_RSS_KB


def test_an_unknown_route_is_not_found(sidecar: Any) -> None:
    assert httpx.get(f"{sidecar.http}/nowhere").status_code == 404
