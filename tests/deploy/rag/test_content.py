"""What the workload sends quotes questions, answers and passages where that is switched on, and nowhere else."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from typing import TYPE_CHECKING

import httpx
import pytest

from spanmeter.capture import VARIABLE
from spanmeter_rag.answer import MODES, WAYS
from spanmeter_rag.corpus import passages
from spanmeter_rag.ports import free
from spanmeter_rag.surroundings import for_service

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import RunningProvider

QUESTION = "How are default argument values evaluated?"


@contextmanager
def receiving() -> Iterator[tuple[str, list[bytes]]]:
    """An OTLP receiver that keeps the bytes it is sent."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            bodies.append(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", bodies
    server.shutdown()
    server.server_close()


def sent(provider: RunningProvider, switches: dict[str, str]) -> tuple[bytes, list[str]]:
    """All that the workload sends while it answers in every way and mode, and its answers."""
    with receiving() as (url, bodies):
        environment = for_service(os.environ, port=free(), sidecar_url=url, provider_url=provider.url) | switches
        process = subprocess.Popen([sys.executable, "-m", "spanmeter_rag"], env=environment, stderr=subprocess.DEVNULL)
        address = f"http://{environment['RAG_LISTEN']}"
        deadline = time.monotonic() + 120
        while not is_ready(address):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        asked = [{"question": QUESTION, "way": way, "mode": mode} for way, mode in product(WAYS, MODES)]
        replies = [httpx.post(f"{address}/query", json=body, timeout=60, trust_env=False).json() for body in asked]
        process.terminate()
        process.wait(30)
        return b"".join(bodies), [reply["answer"] for reply in replies]


def is_ready(address: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{address}/ready", trust_env=False).is_success
    return False


@pytest.mark.parametrize("quoting", [False, True], ids=["off", "on"])
def test_texts_leave_the_workload_only_where_they_are_switched_on(provider: RunningProvider, *, quoting: bool) -> None:
    exported, answers = sent(provider, {VARIABLE: "SPAN_ONLY"} if quoting else {})

    beginnings = {passage.text[:40] for passage in passages()} | {answer[:40] for answer in answers} | {QUESTION}
    found = {text for text in beginnings if text and text.encode() in exported}
    assert b"gen_ai.usage.input_tokens" in exported
    assert (QUESTION in found, len(found) > 3) == (quoting, quoting)
    if not quoting:
        assert found == set()
