"""`spanmeter backup` and `spanmeter restore` with real sidecars: what is written comes back."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector import cost, latency
from spanmeter_collector.backup import archived
from spanmeter_collector.batch import Batch
from spanmeter_collector.cli import main
from spanmeter_collector.log import Log
from spanmeter_collector.selection import read_selection
from spanmeter_collector.snapshot import Snapshots
from spanmeter_collector.store import Store

Body = Callable[[int], bytes]
StartSidecar = Callable[..., Any]
ALL = "since=2026-11-01T00:00:00Z&until=2026-12-01T00:00:00Z"
PROTOBUF = {"content_type": "application/x-protobuf"}
NOBODY = "http://127.0.0.1:9"


def spanmeter(*words: str, data_dir: Path) -> subprocess.Popen[bytes]:
    """The command in a process of its own, where no sidecar answers by default."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(data_dir), "SPANMETER_LISTEN": "127.0.0.1:9"}
    command = [sys.executable, "-m", "spanmeter_collector", *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env={**environ, "SPANMETER_DATA_DIR": str(data_dir)}, **pipes)  # type: ignore[call-overload,no-any-return]


def ran(*words: str, data_dir: Path, given: bytes = b"") -> tuple[bytes, str]:
    """What it wrote, after it went well."""
    process = spanmeter(*words, data_dir=data_dir)
    written, said = process.communicate(given, timeout=60)
    assert process.returncode == 0, said
    return written, said.decode()


def bill(sidecar: Any) -> Any:
    """What the sidecar answers of everything it has."""
    paths = [f"cost?{ALL}&group_by=model,day", f"latency?{ALL}&group_by=operation,hour", f"traces?{ALL}"]
    asked = [sidecar.get(f"/api/v1/{path}") for path in (*paths, f"duplicates?{ALL}")]
    told = httpx.get(f"{sidecar.http}/metrics").text.splitlines()
    return asked, [line for line in told if line.startswith(("spanmeter_", "gen_ai_")) and "_collector_" not in line]


@pytest.fixture
def body(
    span: Callable[..., Span],
    request_of: Callable[..., ExportTraceServiceRequest],
    call_attributes: dict[str, Any],
) -> Body:
    """A request of one call, by number; each is a trace of its own."""
    return lambda number: request_of(
        span(number, trace_id=number.to_bytes(16), attributes=call_attributes)
    ).SerializeToString()


@pytest.fixture
def send(body: Body) -> Callable[..., None]:
    """Send calls and have them acknowledged."""

    def send_to(sidecar: Any, *numbers: int) -> None:
        for number in numbers:
            assert sidecar.post("/v1/traces", body(number), **PROTOBUF).status_code == 200

    return send_to


def test_a_restored_sidecar_says_the_same_and_knows_its_spans(
    tmp_path: Path, start_sidecar: StartSidecar, send: Callable[..., None]
) -> None:
    sidecar = start_sidecar()
    send(sidecar, *range(1, 21), 20)
    sidecar.settle()
    _, told = ran("backup", f"{tmp_path}/kept", "--url", sidecar.http, data_dir=tmp_path)
    said, _ = ran("restore", f"{tmp_path}/kept", data_dir=tmp_path / "new")
    restored = start_sidecar(DATA_DIR=str(tmp_path / "new"))

    assert told == f"{(tmp_path / 'kept').stat().st_size / 1e6:,.1f} MB written\n"
    assert said.decode().endswith(f"into {tmp_path / 'new'}: 20 spans and 80 charges. Now start the sidecar.\n")
    assert bill(restored) == bill(sidecar)
    send(restored, 3, 21)
    restored.settle()
    total = restored.get(f"/api/v1/cost?{ALL}")["total"]
    assert (total["calls"], total["cost_usd"]) == (21, "0.004095")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["log", "store", "webhooks"]


def test_under_load_and_without_a_sidecar_all_that_was_acknowledged_is_kept(
    tmp_path: Path, start_sidecar: StartSidecar, send: Callable[..., None]
) -> None:
    sidecar, sent, ended = start_sidecar(), [0], threading.Event()

    def send_on() -> None:
        while not ended.is_set():
            send(sidecar, sent[0] + 1)
            sent[0] += 1

    sender = threading.Thread(target=send_on)
    sender.start()
    while sent[0] < 50:
        assert sender.is_alive()
        time.sleep(0.01)
    before = sent[0]
    under_load, _ = ran("backup", "-", "--url", sidecar.http, data_dir=tmp_path)
    after = sent[0] + 1
    ended.set()
    sender.join()
    sidecar.process.kill()
    sidecar.process.wait()
    without, said = ran("backup", "-", data_dir=tmp_path / "data")

    assert said.startswith(f"no sidecar answers at {NOBODY}; reading {tmp_path / 'data'}\n")
    for name, archive, least, most in (("under", under_load, before, after), ("without", without, sent[0], sent[0])):
        ran("restore", "-", data_dir=tmp_path / name, given=archive)
        restored = start_sidecar(DATA_DIR=str(tmp_path / name))
        restored.settle()
        calls = restored.get(f"/api/v1/cost?{ALL}")["total"]["calls"]
        assert least <= calls <= most
        assert restored.metric("spanmeter_cost_usd_total") == pytest.approx(calls * 0.000195, rel=1e-12)
        assert restored.metric("spanmeter_collector_refused_requests_total") == 0


def test_a_restore_that_was_killed_is_done_again_and_no_sidecar_starts_before(
    tmp_path: Path, start_sidecar: StartSidecar, send: Callable[..., None]
) -> None:
    sidecar = start_sidecar()
    send(sidecar, 1)
    sidecar.settle()
    archive, _ = ran("backup", "-", "--url", sidecar.http, data_dir=tmp_path)
    directory = tmp_path / "new"
    process = spanmeter("restore", "-", data_dir=directory)
    assert process.stdin is not None
    process.stdin.write(archive[:-4096])
    process.stdin.flush()
    while not (directory / "restoring" / "store").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    with pytest.raises(Exception, match="a restore into this directory is not finished; run spanmeter restore again"):
        start_sidecar(DATA_DIR=str(directory))
    said, _ = ran("restore", "-", data_dir=directory, given=archive)
    assert b": 1 span and 4 charges. Now start the sidecar.\n" in said


@pytest.fixture
def former(store: Store, known_batch: Batch, tmp_path: Path) -> Callable[[], bytes]:
    """A backup of the known batch in an older layout: a table of users by day, and nothing in the sums of today."""
    store.write(known_batch, token="known")
    columns = "(time DateTime, user String) ENGINE = MergeTree ORDER BY time"
    store._writer.command(f"CREATE TABLE users_by_day {columns} AS SELECT start_time AS time, user FROM spans")
    for table in ("charge_sums", "span_sums"):
        store._writer.command(f"TRUNCATE TABLE {table}")

    def back_up() -> bytes:
        log = Log.open(tmp_path / "log")
        backup = b"".join(archived(Snapshots(store, log, tmp_path / "links")))
        log.close()
        return backup

    return back_up


def test_sums_of_an_older_layout_are_made_anew_of_what_they_summed(
    former: Callable[[], bytes], known: Store, start_sidecar: StartSidecar, tmp_path: Path
) -> None:
    ran("restore", "-", data_dir=tmp_path / "new", given=former())
    restored = start_sidecar(DATA_DIR=str(tmp_path / "new"))

    query, now = [*parse_qsl(ALL), ("group_by", "user")], datetime(2026, 12, 1, tzinfo=UTC)
    costs = cost.answer_cost(known, read_selection(query, cost.OPTIONS, now=now))
    times = latency.answer_latency(known, read_selection(query, latency.OPTIONS, now=now))
    assert restored.get(f"/api/v1/cost?{ALL}&group_by=user") == costs.model_dump()
    assert restored.get(f"/api/v1/latency?{ALL}&group_by=user") == times.model_dump()


def test_sums_of_what_retention_dropped_are_not_left_out(
    former: Callable[[], bytes], store: Store, tmp_path: Path
) -> None:
    store._writer.command("INSERT INTO dropped (partition) VALUES ('20261001')")
    process = spanmeter("restore", "-", data_dir=tmp_path / "new")

    _, said = process.communicate(former(), timeout=60)

    assert process.returncode == 1
    assert said.decode() == (
        "spanmeter restore: -: an earlier build wrote this backup, with sums (table users_by_day) of what retention "
        "has dropped since; restore it with that build, then start a sidecar of this one on the directory\n"
    )
    assert [*(tmp_path / "new").iterdir()] == []


def test_a_backup_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPANMETER_DATA_DIR", f"{tmp_path}/data")

    assert [main(["restore", name]) for name in (f"{tmp_path}/none", f"{tmp_path}")] == [1, 1]

    reasons = {f"{tmp_path}/none": "No such file or directory", f"{tmp_path}": "Is a directory"}
    assert capsys.readouterr().err.splitlines() == [
        f"spanmeter restore: {name} cannot be read: {reason}; name what `spanmeter backup` wrote"
        for name, reason in reasons.items()
    ]
    assert [*tmp_path.iterdir()] == []


def test_what_cannot_be_backed_up_is_said(
    tmp_path: Path, sidecar: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").touch()
    monkeypatch.setenv("SPANMETER_DATA_DIR", f"{tmp_path}/data")
    monkeypatch.setenv("SPANMETER_LISTEN", "127.0.0.1:9")
    asked = [("there", "--url", sidecar.http), ("no/x", "--url", NOBODY), ("x", "--url", NOBODY), ("x",)]

    assert [main(["backup", f"{tmp_path}/{name}", *options]) for name, *options in asked] == [1, 1, 1, 1]

    there, nowhere, nobody, _, nothing = re.sub(r"\(.*\)", "(refused)", capsys.readouterr().err).splitlines()
    assert there == f"spanmeter backup: {tmp_path}/there is there already; name another file"
    assert nowhere == f"spanmeter backup: {tmp_path}/no/x cannot be written: No such file or directory"
    assert nobody == f"spanmeter backup: no sidecar answers at {NOBODY} (refused); start one with: spanmeter up"
    assert nothing == f"spanmeter backup: SPANMETER_DATA_DIR='{tmp_path}/data': there is nothing to back up"
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_who_leaves_in_the_middle_keeps_nobody_from_the_next_backup(sidecar: Any) -> None:
    host, _, port = sidecar.http.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as left:
        left.sendall(b"POST /api/v1/backup HTTP/1.1\r\nHost: sidecar\r\nContent-Length: 0\r\n\r\n")
        assert left.recv(12) == b"HTTP/1.1 200"
    deadline = time.monotonic() + 20
    while (again := httpx.post(f"{sidecar.http}/api/v1/backup", timeout=60)).status_code == 409:
        assert time.monotonic() < deadline, again.text
        time.sleep(0.1)
    assert (again.status_code, again.headers["content-type"]) == (200, "application/x-tar")


def test_a_page_of_another_site_gets_no_backup(sidecar: Any) -> None:
    assert sidecar.post("/api/v1/backup", b"", origin="http://evil.example").status_code == 403
