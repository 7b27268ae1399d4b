"""An application with another instrumentation beside ours, and a provider that keeps its own account.

    python application.py SIDECAR first|last [MODULE:CLASS ...]

Instruments itself for the sidecar before or after the instrumentors named, asks LangChain and LlamaIndex in every way,
and writes one line of JSON per scenario: what the provider answered, what our bill says and how many traces there are.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import llama_index.core
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.core import VectorStoreIndex
from llama_index.core.llms import ChatMessage
from llama_index.core.schema import TextNode
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import spanmeter
from spanmeter.langchain import SpanmeterCallbackHandler

SERVICE = "beside-others"
LATE_SPANS_S = 1.5
numbers = count(1)
answered: list[tuple[int, int]] = []
Scenario = Callable[[], Any]


class Provider(BaseHTTPRequestHandler):
    """Speaks the OpenAI API; no two answers cost the same."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
        pass

    def do_POST(self) -> None:
        asked, number = json.loads(self.rfile.read(int(self.headers["content-length"]))), next(numbers)
        if self.path.endswith("/embeddings"):
            return self.send("application/json", json.dumps(embeddings(asked, number)))
        if asked.get("stream"):
            events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks(asked, number)]
            return self.send("text/event-stream", "".join(events) + "data: [DONE]\n\n")
        message = {"role": "assistant", "content": "Hello world"}
        choices = [
            {"index": index, "message": message, "finish_reason": "stop"} for index in range(asked.get("n") or 1)
        ]
        body = chat(asked, number, choices) | {"object": "chat.completion", "usage": usage(100 + number, 20)}
        return self.send("application/json", json.dumps(body))

    def send(self, kind: str, body: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")  # or clients would keep sockets of an event loop that has ended
        self.end_headers()
        self.wfile.write(body.encode())


def usage(asked: int, said: int) -> dict[str, Any]:
    answered.append((asked, said))
    cached = {"cached_tokens": 64, "audio_tokens": 0}
    return {
        "prompt_tokens": asked,
        "completion_tokens": said,
        "total_tokens": asked + said,
        "prompt_tokens_details": cached if said else None,
    }


def embeddings(asked: dict[str, Any], number: int) -> dict[str, Any]:
    texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
    data = [{"object": "embedding", "index": index, "embedding": [0.1, 0.2]} for index in range(len(texts))]
    return {"object": "list", "model": asked["model"], "data": data, "usage": usage(7 + number, 0)}


def chat(asked: dict[str, Any], number: int, choices: list[Any]) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": f"{asked['model']}-2024-07-18",
        "choices": choices,
    }


def chunks(asked: dict[str, Any], number: int) -> Iterator[dict[str, Any]]:
    for word in ("Hello", " world"):
        yield chat(asked, number, [{"index": 0, "delta": {"content": word}, "finish_reason": None}])
    yield chat(asked, number, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
    told = usage(100 + number, 20)
    if (asked.get("stream_options") or {}).get("include_usage"):
        yield chat(asked, number, []) | {"usage": told}


@contextmanager
def provider() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()


def scenarios(url: str) -> dict[str, Scenario]:
    given: dict[str, Any] = {"model": "gpt-4o-mini", "api_key": "none", "base_url": url, "max_retries": 0}
    lc = ChatOpenAI(stream_usage=True, **given)
    cached = ChatOpenAI(cache=InMemoryCache(), **given)
    embed = OpenAIEmbeddings(
        model="text-embedding-3-small", api_key=given["api_key"], base_url=url, check_embedding_ctx_length=False
    )
    options: dict[str, Any] = {"api_key": "none", "api_base": url, "max_retries": 0}
    li = OpenAI(model="gpt-4o-mini", **options)
    streamed = OpenAI(model="gpt-4o-mini", additional_kwargs={"stream_options": {"include_usage": True}}, **options)
    embedder = OpenAIEmbedding(model="text-embedding-3-small", **options)
    index = VectorStoreIndex(nodes=[TextNode(text="one", embedding=[0.1, 0.2])], embed_model=embedder)
    query = index.as_query_engine(llm=li).query
    callbacks = [SpanmeterCallbackHandler(), UsageMetadataCallbackHandler()]
    return {
        "invoke": lambda: lc.invoke("a"),
        "ainvoke": lambda: asyncio.run(lc.ainvoke("a")),
        "stream": lambda: list(lc.stream("a")),
        "astream": lambda: asyncio.run(_consumed(lc.astream("a"))),
        "batch": lambda: lc.batch(["a"] * 4),
        "abatch": lambda: asyncio.run(lc.abatch(["a"] * 4)),
        "three choices": lambda: ChatOpenAI(n=3, **given).generate([[HumanMessage("a")]]),
        "cache": lambda: [cached.invoke("a") for _ in range(3)],
        "own callbacks": lambda: lc.invoke("a", config={"callbacks": callbacks}),
        "langchain embeddings": lambda: embed.embed_documents(["a", "b"]),
        "chat": lambda: li.chat([ChatMessage("a")]),
        "complete": lambda: li.complete("a"),
        "achat": lambda: asyncio.run(li.achat([ChatMessage("a")])),
        "stream_chat": lambda: list(streamed.stream_chat([ChatMessage("a")])),
        "query": lambda: query("a"),
        "query in a lambda": lambda: RunnableLambda(query).invoke("a"),
    }


async def _consumed(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


def run(name: str, scenario: Scenario, exporter: InMemorySpanExporter) -> dict[str, Any]:
    answered.clear()
    exporter.clear()
    with spanmeter.context(feature=name), spanmeter.measure() as bill:
        scenario()
    asked, said = (sum(tokens) for tokens in zip(*answered, strict=True))
    scopes = [(span, span.instrumentation_scope) for span in exporter.get_finished_spans()]
    ours = [span for span, scope in scopes if scope is not None and scope.name == "spanmeter"]
    roots = {span.context.trace_id for span in exporter.get_finished_spans() if span.context}
    return {
        "scenario": name,
        "answered": [len(answered), asked, said],
        "bill": [bill.calls, bill.input_tokens, bill.output_tokens],
        "traces": len(roots),
        "requests": sum(span.parent is None for span in ours),
    }


def main() -> None:
    """Instrument, run every scenario, and let everything out that is still to be sent."""
    sidecar, order, *peers = sys.argv[1:]
    llama_index.core.global_tokenizer = str.split
    exporter, tracer_provider = InMemorySpanExporter(), TracerProvider(resource=Resource({"service.name": SERVICE}))
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(tracer_provider)
    steps: list[Callable[[], Any]] = [lambda: spanmeter.instrument(endpoint=sidecar, tracer_provider=tracer_provider)]
    for peer in peers:
        module, _, kind = peer.partition(":")
        steps.append(getattr(importlib.import_module(module), kind)().instrument)
    with provider() as url:
        # Built before: OpenInference tells of an embedding where an index finds nothing to embed.
        built = scenarios(url)
        for instrument in steps if order == "first" else steps[::-1]:
            instrument()
        for name, scenario in built.items():
            sys.stdout.write(json.dumps(run(name, scenario, exporter)) + "\n")
    time.sleep(LATE_SPANS_S)  # LangSmith's thread writes its spans after the runs
    tracer_provider.force_flush()
    spanmeter.uninstrument()


if __name__ == "__main__":
    main()
