"""Embeddings of further clients are heard by the call around them; the client stays as it was."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import ollama
import pytest

from spanmeter import embeddings_client, semconv
from spanmeter.call import Opening
from spanmeter.process import calls

ANSWER = {"model": "nomic-embed-text", "embeddings": [[0.1, 0.2]], "prompt_eval_count": 7}
Served = dict[str, Any]


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library's name
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps(self.server.answer).encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Any]:
    serving: Any = HTTPServer(("127.0.0.1", 0), Handler)
    serving.answer = ANSWER
    serving.url = f"http://127.0.0.1:{serving.server_address[1]}"
    thread = Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield serving
    serving.shutdown()
    serving.server_close()
    thread.join()


def embed(url: str, *, times: int) -> None:
    client = ollama.Client(host=url)
    for _ in range(times):
        client.embed(model="nomic-embed-text", input=["a"])
    client._client.close()


async def embed_later(url: str, *, times: int) -> None:
    client = ollama.AsyncClient(host=url)
    for _ in range(times):
        await client.embed(model="nomic-embed-text", input=["a"])
    await client._client.aclose()


def call(operation: str = "embeddings") -> Any:
    return calls().open(Opening(operation, f"{operation} nomic", "llama_index", "ollama", "nomic"))


def test_requests_add_up_to_the_call_around_them(server: Any, instrumented: Any) -> None:
    around = call()
    with around.held():
        embed(server.url, times=2)
        asyncio.run(embed_later(server.url, times=1))
    around.stop()

    said = instrumented.one("embeddings nomic").attributes
    assert (said[semconv.INPUT_TOKENS], said[semconv.CALLS], said[semconv.USAGE_GRADE]) == (21, 3, "reported")


@pytest.mark.parametrize(("counted", "notes"), [(-1, 1), (None, 0), (0, 1)], ids=["negative", "missing", "zero"])
def test_usage_that_is_none_leaves_the_call_without(
    server: Any, instrumented: Any, counted: int | None, notes: int
) -> None:
    server.answer = ANSWER | {"prompt_eval_count": counted}
    around = call()
    with around.held():
        embed(server.url, times=1)
    around.stop()

    said = instrumented.one("embeddings nomic").attributes
    assert (said.get(semconv.INPUT_TOKENS), len(said.get(semconv.USAGE_NOTES, ()))) == (None, notes)


def test_a_request_inside_another_operation_is_none_of_its_own(server: Any, instrumented: Any) -> None:
    around = call("chat")
    with around.held():
        embed(server.url, times=1)
    around.stop()

    assert semconv.INPUT_TOKENS not in instrumented.one("chat nomic").attributes


def test_the_clients_methods_come_back() -> None:
    own = ollama.Client.embed, ollama.AsyncClient.embed
    embeddings_client.install()
    embeddings_client.install()
    tapped = ollama.Client.embed, ollama.AsyncClient.embed
    embeddings_client.remove()

    assert tapped != own
    assert [inspect.iscoroutinefunction(method) for method in tapped] == [False, True]
    assert (ollama.Client.embed, ollama.AsyncClient.embed) == own
