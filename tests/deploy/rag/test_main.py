from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping

import httpx

from spanmeter_rag.ports import free
from spanmeter_rag.surroundings import for_service


def _start(environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "spanmeter_rag"], env=environment, stderr=subprocess.PIPE, text=True)


def test_a_variable_that_cannot_be_stops_the_start_by_name() -> None:
    process = _start({**os.environ, "RAG_LISTEN": "everywhere"})
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said == "spanmeter_rag: RAG_LISTEN is 'everywhere'; it must be host:port, such as 127.0.0.1:8600\n"


def test_without_a_provider_it_is_up_and_not_ready_and_says_why() -> None:
    nobody = f"http://127.0.0.1:{free()}"
    process = _start(for_service(os.environ, port=(port := free()), sidecar_url=nobody, provider_url=nobody))
    url = f"http://127.0.0.1:{port}"
    try:
        health = _first_answer(f"{url}/health")
        ready = httpx.get(f"{url}/ready", trust_env=False)
        query = httpx.post(f"{url}/query", json={"question": "Why?"}, trust_env=False)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    checks = ready.json()["checks"]
    assert ready.status_code == query.status_code == 503
    assert checks["provider"] == f"{nobody}/v1 does not answer: ConnectError"
    assert (health.status_code, health.json()["status"]) == (200, "up")
    assert health.json()["components"]["models"] == "ok"
    assert query.json() == {"error": f"the indexes are {checks['indexes']}"}


def _first_answer(url: str) -> httpx.Response:
    deadline = time.monotonic() + 60
    while True:
        try:
            return httpx.get(url, trust_env=False)
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
