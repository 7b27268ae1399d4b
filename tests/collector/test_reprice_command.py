"""`spanmeter reprice` and `spanmeter export`, as a user runs them, against a real sidecar with a price file."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Known = dict[str, Any]
DAY = ["--since", "2026-11-22T00:00:00Z", "--until", "2026-11-23T00:00:00Z"]
LISTED, AGREED = Decimal("0.000195"), Decimal("0.00042")
PRICES = """\
[[price]]
provider = "openai"
model = "gpt-4o-mini"
usd_per_mtok = { input = 0.30, cache_read = 0.30, output = 1.20 }
"""


def spanmeter(*words: str, url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spanmeter_collector", *words, "--url", url]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """A price file without prices."""
    path = tmp_path / "prices.toml"
    path.write_text("")
    return path


@pytest.fixture
def send(
    span: Callable[..., Span], request_of: Callable[..., ExportTraceServiceRequest], call_attributes: Known
) -> Callable[..., None]:
    """Send calls with these numbers to a sidecar and wait until they are stored."""

    def send(sidecar: Any, numbers: range, **attributes: Any) -> None:
        told = call_attributes | attributes
        body = request_of(*(span(number, attributes=told) for number in numbers)).SerializeToString()
        assert sidecar.post("/v1/traces", body, content_type="application/x-protobuf").status_code == 200
        sidecar.settle()

    return send


def billed(sidecar: Any) -> tuple[int, Decimal]:
    total = sidecar.get("/api/v1/cost?since=2026-11-22T00:00:00Z&until=2026-11-23T00:00:00Z")["total"]
    return total["calls"], Decimal(total["cost_usd"])


def test_a_changed_price_file_is_shown_then_written_then_nothing_is_left_to_change(
    start_sidecar: Callable[..., Any], send: Callable[..., None], prices: Path
) -> None:
    sidecar = start_sidecar(PRICES=str(prices))
    send(sidecar, range(1, 4))
    prices.write_text(PRICES)

    shown, written, again = (
        spanmeter("reprice", *DAY, *words, url=sidecar.http) for words in (["--dry-run"], [], ["--json"])
    )

    heading, *table, sentence = shown.stdout.splitlines()
    assert heading.startswith("Calls from 2026-11-22 00:00:00 to 2026-11-23 00:00:00 UTC, at ")
    assert table == [
        "",
        "provider  model        calls  changed        old        new  difference",
        "openai    gpt-4o-mini      3        3  $0.000585  $0.001260  +$0.000675",
        "--------  -----------  -----  -------  ---------  ---------  ----------",
        "                           3        3  $0.000585  $0.001260  +$0.000675",
        "",
    ]
    assert sentence == "Nothing is written yet; the same command without --dry-run corrects the ledger."
    assert written.stdout.splitlines()[-1] == "Written: the ledger's sum changed by +$0.000675."
    assert (json.loads(again.stdout)["total"]["changed_calls"], billed(sidecar)) == (0, (3, 3 * AGREED))

    send(sidecar, range(4, 5))
    assert billed(sidecar) == (4, 4 * AGREED)


def test_the_sum_of_calls_without_a_price_is_unknown(
    start_sidecar: Callable[..., Any], send: Callable[..., None], prices: Path
) -> None:
    sidecar = start_sidecar(PRICES=str(prices))
    send(sidecar, range(1, 3), **{"gen_ai.response.model": "house-1"})
    send(sidecar, range(3, 4))
    prices.write_text(PRICES.replace("gpt-4o-mini", "house-1"))

    shown = spanmeter("reprice", *DAY, "--dry-run", url=sidecar.http)

    total = shown.stdout.splitlines()[5]
    assert total.split() == ["2", "2", "2", "unknown", "$0.000840", "+$0.000840"]


def test_a_wrong_price_file_changes_nothing_and_is_named(
    start_sidecar: Callable[..., Any], send: Callable[..., None], prices: Path
) -> None:
    sidecar = start_sidecar(PRICES=str(prices))
    send(sidecar, range(1, 2))
    prices.write_text(PRICES.replace("model", "modle"))

    refused = spanmeter("reprice", *DAY, url=sidecar.http)

    assert (refused.returncode, billed(sidecar)) == (2, (1, LISTED))
    assert refused.stderr.startswith(f"spanmeter reprice: {prices}:")


def test_a_run_that_is_killed_leaves_one_price_a_call_and_the_next_run_completes_it(
    start_sidecar: Callable[..., Any], send: Callable[..., None], prices: Path
) -> None:
    calls = 8000
    sidecar = start_sidecar(PRICES=str(prices))
    send(sidecar, range(1, calls + 1))
    prices.write_text(PRICES)

    run = threading.Thread(target=_reprice_until_killed, args=(sidecar,))
    run.start()
    deadline = time.monotonic() + 60
    while billed(sidecar)[1] == calls * LISTED:
        assert time.monotonic() < deadline
    sidecar.process.kill()
    run.join()
    sidecar.process.wait()

    last = start_sidecar(PRICES=str(prices))
    count, usd = billed(last)
    repriced = (usd - calls * LISTED) / (AGREED - LISTED)
    assert (count, repriced == int(repriced), 0 < repriced <= calls) == (calls, True, True)
    completed, again = (httpx.post(_reprice_url(last), timeout=120).json()["total"] for _ in range(2))
    assert (completed["changed_calls"], again["changed_calls"]) == (calls - repriced, 0)
    assert billed(last) == (calls, calls * AGREED)


def _reprice_url(sidecar: Any) -> str:
    return f"{sidecar.http}/api/v1/reprice?since=2026-11-22T00:00:00Z&until=2026-11-23T00:00:00Z"


def _reprice_until_killed(sidecar: Any) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.post(_reprice_url(sidecar), timeout=60)


class Stopping(BaseHTTPRequestHandler):
    """A sidecar that is stopped while it works: the HTTP server answers in its place, or nobody does."""

    def do_POST(self) -> None:
        if "since=1h" in self.path:
            self.send_error(500)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Nothing."""


@pytest.fixture
def stopping() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Stopping) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


STAYS = "Calls that were repriced until then stay so, the others are as before: run it again to complete it"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["--since", "1h"],
            f"{{}}: it was stopped or failed before the answer was complete; its log says why. {STAYS}",
        ),
        (
            ["--since", "1h", "--dry-run"],
            "{}: it was stopped or failed before the answer was complete; its log says why",
        ),
        (["--since", "2h"], f"{{url}} broke off before its answer was complete; the sidecar's log says why. {STAYS}"),
    ],
    ids=["stopped", "stopped dry run", "killed"],
)
def test_a_run_whose_sidecar_stops_says_what_has_become_of_the_ledger(
    stopping: str, words: list[str], sentence: str
) -> None:
    broken = spanmeter("reprice", *words, url=stopping)
    told = sentence.format(f"{stopping}/api/v1/reprice answered 500 Internal Server Error", url=stopping)
    assert (broken.returncode, broken.stdout, broken.stderr) == (1, "", f"spanmeter reprice: {told}\n")


class Slow(BaseHTTPRequestHandler):
    """A sidecar that does not end before the last it told of how far it has come was read."""

    shares: ClassVar[list[float | None]] = [None, 0.25, 0.999, 0.999]
    told: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        share = self.shares.pop(0)
        self._answer({"share": share})
        if not self.shares:
            self.shares.append(share)
            self.told.set()

    def do_POST(self) -> None:
        assert self.told.wait(30)
        figures = {"calls": 0, "changed_calls": 0, "old_usd": "0", "new_usd": "0", "difference_usd": "0"}
        period = {"since": "2026-11-22T00:00:00Z", "until": "2026-11-23T00:00:00Z"}
        rest = {"rows": [], "calls_without_span": 0, "price_version": "v1", "written": True}
        self._answer({"total": figures | {"newly_priced": 0, "newly_unpriced": 0}, **rest, **period})

    def _answer(self, answer: Known) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Nothing."""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of POSIX")
def test_whoever_waits_at_a_terminal_is_told_how_far_it_has_come() -> None:
    ours, theirs = os.openpty()
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        command = [sys.executable, "-m", "spanmeter_collector", "reprice", *DAY, "--url", url]
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, text=True, check=True, timeout=60)
        server.shutdown()
        thread.join()
    os.close(theirs)
    told = os.read(ours, 4096).decode()
    os.close(ours)

    clear = "\r\x1b[K"
    assert told.split(clear)[1:3] == ["25% of the period gone through", "100% of the period gone through"]
    assert told.endswith(clear)
    assert ran.stdout.endswith("No call of this period has anything to bill.\n")


def test_who_may_only_send_spans_may_not_reprice_or_export(start_sidecar: Callable[..., Any]) -> None:
    sidecar = start_sidecar(INGEST_TOKEN="sends", QUERY_TOKEN="asks")
    statuses = [
        (
            httpx.post(_reprice_url(sidecar), headers={"authorization": f"Bearer {token}"}).status_code,
            httpx.get(f"{sidecar.http}/api/v1/export", headers={"authorization": f"Bearer {token}"}).status_code,
        )
        for token in ("sends", "asks")
    ]
    assert statuses == [(401, 401), (200, 200)]


def test_an_export_is_written_whole_or_not_at_all(
    start_sidecar: Callable[..., Any], send: Callable[..., None], tmp_path: Path
) -> None:
    sidecar = start_sidecar()
    send(sidecar, range(1, 3))
    send(sidecar, range(3, 4), **{"gen_ai.request.model": "mystery-1"})
    file = tmp_path / "focus.csv"

    written = spanmeter("export", "--format", "focus", *DAY, "--output", str(file), url=sidecar.http)
    shown = spanmeter("export", "--format", "csv", *DAY, url=sidecar.http)

    assert (written.returncode, written.stdout) == (0, "")
    assert written.stderr == "1 call without a known price left out; --format csv has them\n"
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert sum(Decimal(row["BilledCost"]) for row in rows) == 2 * LISTED
    assert len(list(csv.DictReader(io.StringIO(shown.stdout)))) == 12

    refused = spanmeter("export", "--format", "focus", "--since", "never", "--output", str(file), url=sidecar.http)
    lost = spanmeter("export", "--format", "csv", "--output", str(tmp_path / "no" / "where.csv"), url=sidecar.http)
    assert (refused.returncode, lost.returncode) == (2, 1)
    assert (
        lost.stderr
        == f"spanmeter export: --output {tmp_path}/no/where.csv cannot be written: No such file or directory\n"
    )
    assert rows == list(csv.DictReader(io.StringIO(file.read_text())))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "focus.csv"]
