"""A real sidecar with known calls, an empty one, and the values that its API answers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

import spanmeter_dashboard
from spanmeter_dashboard.answers import Step, Sums
from spanmeter_dashboard.client import Client
from spanmeter_dashboard.settings import Settings
from spanmeter_dashboard.window import Window

CHAIN_TRACE: Final = "11" * 16
QUERY_TRACE: Final = "22" * 16
UNPRICED_TRACE: Final = "33" * 16
_PEOPLE: Final = {"user.id": "ada", "spanmeter.tenant": "acme", "spanmeter.feature": "search"}
_OTHERS: Final = {"user.id": "grace", "spanmeter.tenant": "globex", "spanmeter.tag.experiment": "b"}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            if httpx.get(url, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail(f"{url} did not come up: {log.read_text()}")


def _started(command: list[str], environment: dict[str, str], directory: Path, probe: str) -> subprocess.Popen[bytes]:
    log = directory / "process.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, cwd=directory, stdout=output, stderr=subprocess.STDOUT
        )
    _wait_for(probe, process, log)
    return process


def _stopped(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running_sidecar(directory: Path, port: int) -> Iterator[str]:
    environment = {
        "SPANMETER_LISTEN": f"127.0.0.1:{port}",
        "SPANMETER_GRPC_LISTEN": f"127.0.0.1:{free_port()}",
        "SPANMETER_DATA_DIR": str(directory),
    }
    url = f"http://127.0.0.1:{port}"
    program = str(Path(sys.executable).with_name("spanmeter"))
    process = _started([program, "collector"], environment, directory, f"{url}/ready")
    try:
        yield url
    finally:
        _stopped(process)


@contextmanager
def running_dashboard(directory: Path, url: str) -> Iterator[str]:
    app = Path(str(spanmeter_dashboard.__file__)).with_name("app.py")
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(app), "--server.port", str(port)]
    address = f"http://127.0.0.1:{port}"
    process = _started(
        [*command, "--server.address", "127.0.0.1", "--", "--url", url], {}, directory, f"{address}/_stcore/health"
    )
    try:
        yield address
    finally:
        _stopped(process)


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a sidecar that holds three traces of the last half hour."""
    with running_sidecar(tmp_path_factory.mktemp("sidecar"), free_port()) as url:
        _send(url)
        _wait_until_stored(url)
        yield url


@pytest.fixture(scope="session")
def empty_sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a sidecar that never got a span."""
    with running_sidecar(tmp_path_factory.mktemp("empty"), free_port()) as url:
        yield url


@pytest.fixture(scope="session")
def dashboard(sidecar: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard that reads the sidecar."""
    with running_dashboard(tmp_path_factory.mktemp("dashboard"), sidecar) as address:
        yield address


@pytest.fixture(scope="session")
def empty_dashboard(empty_sidecar: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard that reads the empty sidecar."""
    with running_dashboard(tmp_path_factory.mktemp("dashboard"), empty_sidecar) as address:
        yield address


@pytest.fixture
def free_address() -> int:
    """A port on which nothing listens yet."""
    return free_port()


@pytest.fixture
def dashboard_of(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Starts a dashboard that reads the sidecar at an address."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(running_dashboard(tmp_path, url))


@pytest.fixture
def sidecar_on(tmp_path: Path) -> Iterator[Callable[[int], None]]:
    """Starts an empty sidecar on a port."""
    with ExitStack() as stack:

        def start(port: int) -> None:
            stack.enter_context(running_sidecar(tmp_path, port))

        yield start


@pytest.fixture
def unused_url() -> str:
    """An address where nothing listens."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def client(sidecar: str) -> Iterator[Client]:
    asking = Client(Settings(sidecar))
    yield asking
    asking.close()


@pytest.fixture
def last_hour() -> Window:
    now = datetime.now(UTC)
    return Window(now - timedelta(hours=1), now + timedelta(seconds=1))


def _attribute(key: str, value: Any) -> dict[str, Any]:
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return {"key": key, "value": {kinds[type(value)]: str(value) if type(value) is int else value}}


def _span(trace_id: str, number: int, parent: int, name: str, at: tuple[float, float], **more: Any) -> dict[str, Any]:
    start = time.time() - 20 * 60 + at[0]
    return {
        "traceId": trace_id,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": name,
        "kind": 1,
        "startTimeUnixNano": str(int(start * 1e9)),
        "endTimeUnixNano": str(int((start + at[1]) * 1e9)),
        "status": {"code": 2} if "error.type" in more["attributes"] else {},
        "attributes": [_attribute(key, value) for key, value in more["attributes"].items()],
    }


def _call(operation: str, model: str, tokens: tuple[int, int], **more: Any) -> dict[str, Any]:
    used = {"gen_ai.usage.input_tokens": tokens[0], "gen_ai.usage.output_tokens": tokens[1]} if sum(tokens) else {}
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": more.get("provider", "openai"),
        "gen_ai.request.model": model,
        "spanmeter.framework": more.get("framework", "langchain"),
        **used,
        **more.get("people", _PEOPLE),
    }


def _chain() -> list[dict[str, Any]]:
    step = {"spanmeter.framework": "langchain", **_PEOPLE}
    small = _call("embeddings", "text-embedding-3-small", (12, 0))
    refused = {**_call("chat", "gpt-4o-mini", (0, 0)), "error.type": "RateLimitError"}
    answered = {**_call("chat", "gpt-4o-mini", (1200, 300)), "gen_ai.usage.cache_read.input_tokens": 1000}
    return [
        _span(CHAIN_TRACE, 1, 0, "RunnableSequence", (0, 2), attributes={"spanmeter.operation": "chain", **step}),
        _span(CHAIN_TRACE, 2, 1, "Retriever", (0.1, 0.2), attributes={"gen_ai.operation.name": "retrieval", **step}),
        _span(CHAIN_TRACE, 3, 2, "embeddings text-embedding-3-small", (0.11, 0.1), attributes=small),
        _span(CHAIN_TRACE, 4, 1, "chat gpt-4o-mini", (0.4, 0.1), attributes=refused),
        _span(CHAIN_TRACE, 5, 1, "chat gpt-4o-mini", (0.9, 1.05), attributes=answered),
    ]


def _query() -> list[dict[str, Any]]:
    step = {"spanmeter.operation": "query", "spanmeter.framework": "llama_index", **_OTHERS}
    answered = _call("chat", "gpt-4.1", (2000, 500), framework="llama_index", people=_OTHERS)
    return [
        _span(QUERY_TRACE, 6, 0, "RetrieverQueryEngine.query", (60, 3), attributes=step),
        _span(QUERY_TRACE, 7, 6, "chat gpt-4.1", (60.2, 2.7), attributes=answered),
    ]


def _unpriced() -> list[dict[str, Any]]:
    answered = _call("chat", "house-model-1", (100, 50), provider="acme-ai", people=_OTHERS)
    return [_span(UNPRICED_TRACE, 8, 0, "chat <house> & model", (120, 1), attributes=answered)]


def _send(url: str) -> None:
    service = {"attributes": [_attribute("service.name", "shop-rag"), _attribute("service.instance.id", "one")]}
    spans = [*_chain(), *_query(), *_unpriced()]
    body = {"resourceSpans": [{"resource": service, "scopeSpans": [{"scope": {"name": "spanmeter"}, "spans": spans}]}]}
    httpx.post(f"{url}/v1/traces", json=body, trust_env=False).raise_for_status()


def _wait_until_stored(url: str) -> None:
    for _ in range(150):
        traces = httpx.get(f"{url}/api/v1/traces", trust_env=False).json()
        cost = httpx.get(f"{url}/api/v1/cost", trust_env=False).json()
        if traces["total"] == 3 and cost["total"]["calls"] == 4:
            return
        time.sleep(0.1)
    pytest.fail("the spans did not arrive in the store and its ledger")


@pytest.fixture
def step() -> Callable[..., Step]:
    """Makes a step with nothing remarkable about it but what is given."""
    plain: dict[str, Any] = {field.name: "" for field in fields(Step)}
    plain |= {"operation": "chain", "offset_s": 0.0, "duration_s": 1.0, "status": "ok", "time_to_first_chunk_s": None}
    plain |= {"sums": Sums(), "wrapper": False, "charges": (), "attributes": {}, "events": (), "content": None}

    def make(span_id: str, parent: str = "", **known: Any) -> Step:
        return Step(**{**plain, "span_id": span_id, "parent_span_id": parent, "name": span_id, **known})

    return make


@pytest.fixture
def noon() -> datetime:
    return datetime(2026, 11, 22, 12, tzinfo=UTC)
