"""A provider on loopback that keeps its own account of every answer, and the check that ours says the same.

Everything here runs on each version of the frameworks that `run.py` installs, so it keeps to what all of them have.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import Any, Final

import httpx
import llama_index.core
import pytest
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from llama_index.core import VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI as LlamaIndexOpenAI
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import spanmeter
from spanmeter import barrier, semconv
from spanmeter.langchain.runs import runs
from spanmeter.llama_index.open_spans import spans as llama_index_spans
from spanmeter.settling import settling

Body = dict[str, Any]
Account = tuple[int, int, int, Decimal]
"""Calls, input tokens, output tokens, US dollars."""

# US dollars for a million tokens: fresh input, cached input, output; https://platform.openai.com/docs/pricing
RATES: Final = {
    "gpt-4o": ("2.5", "1.25", "10"),
    "gpt-4o-mini": ("0.15", "0.075", "0.6"),
    "gpt-3.5-turbo-instruct": ("1.5", "0", "2"),
    "text-embedding-3-small": ("0.02", "0", "0"),
}
DATES: Final = {"gpt-4o": "-2024-08-06", "gpt-4o-mini": "-2024-07-18"}


@dataclass(frozen=True, slots=True)
class Answered:
    """What the provider charges for one request."""

    model: str
    fresh: int
    cached: int
    output: int

    @property
    def account(self) -> Account:
        fresh, cached, output = map(Decimal, RATES[self.model])
        usd = (self.fresh * fresh + self.cached * cached + self.output * output) / 1_000_000
        return 1, self.fresh + self.cached, self.output, usd

    def usage(self) -> Body:
        asked = self.fresh + self.cached
        return {
            "prompt_tokens": asked,
            "completion_tokens": self.output,
            "total_tokens": asked + self.output,
            "prompt_tokens_details": {"cached_tokens": self.cached, "audio_tokens": 0, "cache_write_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 8,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


@dataclass
class Provider:
    """Speaks the OpenAI API at `url`; no two answers cost the same.

    `fail` holds the statuses of the next answers, 0 for a good one, `says` the texts of the next chats.
    With `hold` set no request is answered, nor charged.
    """

    url: str = ""
    says: list[str] = field(default_factory=list)
    fail: list[int] = field(default_factory=list)
    hold: bool = False
    asked: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    answers: list[Answered] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def charge(self, asked: Body, *, cached: int = 64, output: int = 20) -> Body:
        with self.lock:
            more = len(self.answers)
            answered = Answered(asked["model"], 40 + more, cached, output and output + more)
            self.answers.append(answered)
        return answered.usage()

    def embeddings(self, asked: Body) -> Body:
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        usage = self.charge(asked, cached=0, output=0)
        data = [{"object": "embedding", "index": index, "embedding": [0.1, 0.2]} for index in range(len(texts))]
        return {"object": "list", "model": asked["model"], "data": data, "usage": usage}

    def completion_chunks(self, asked: Body) -> Iterator[Body]:
        self.charge(asked, cached=0)
        for word, reason in (("Hello", None), (" world", "stop")):
            choice = {"index": 0, "text": word, "finish_reason": reason, "logprobs": None}
            yield _body(asked, "text_completion", [choice])

    def completion(self, asked: Body) -> Body:
        prompts = asked["prompt"] if isinstance(asked["prompt"], list) else [asked["prompt"]]
        choices = [
            {"index": index, "text": "Hello world", "finish_reason": "stop", "logprobs": None}
            for index in range(len(prompts))
        ]
        return _body(asked, "text_completion", choices) | {"usage": self.charge(asked, cached=0)}

    def chat(self, asked: Body) -> Body:
        message = self.message(asked)
        choices = [
            {"index": index, "message": message, "finish_reason": _reason(message)}
            for index in range(asked.get("n") or 1)
        ]
        return _body(asked, "chat.completion", choices) | {"usage": self.charge(asked)}

    def chunks(self, asked: Body) -> Iterator[Body]:
        message, usage = self.message(asked), self.charge(asked)
        words = re.findall(r"\S+\s*", message["content"] or "")
        deltas = [{"role": "assistant", "content": ""}, *({"content": word} for word in words)]
        for delta in deltas if words else [message]:
            yield _body(asked, "chat.completion.chunk", [{"index": 0, "delta": delta, "finish_reason": None}])
        end = {"index": 0, "delta": {}, "finish_reason": _reason(message)}
        yield _body(asked, "chat.completion.chunk", [end])
        if (asked.get("stream_options") or {}).get("include_usage"):
            yield _body(asked, "chat.completion.chunk", []) | {"usage": usage}

    def message(self, asked: Body) -> Body:
        return {"role": "assistant", "content": self.says.pop(0)} if self.says else _message(asked)

    def answer(self, path: str, asked: Body) -> Iterator[Body] | Body:
        if path.endswith("/embeddings"):
            return self.embeddings(asked)
        if not path.endswith("/chat/completions"):
            return self.completion_chunks(asked) if asked.get("stream") else self.completion(asked)
        return self.chunks(asked) if asked.get("stream") else self.chat(asked)


def _body(asked: Body, kind: str, choices: list[Any]) -> Body:
    model = asked["model"] + DATES.get(asked["model"], "")
    return {"id": "answer-1", "object": kind, "created": 1, "model": model, "choices": choices}


def _message(asked: Body) -> Body:
    """Answer with the object that is asked for, with a call of the first tool offered, or in two words."""
    form, tools = (asked.get("response_format") or {}).get("json_schema"), asked.get("tools")
    if form is not None:
        return {"role": "assistant", "content": _filled(form["schema"])}
    if not tools or asked["messages"][-1]["role"] == "tool":
        return {"role": "assistant", "content": "Hello world"}
    function = {"name": tools[0]["function"]["name"], "arguments": _filled(tools[0]["function"]["parameters"])}
    call = {"id": "call_1", "index": 0, "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _filled(schema: Body) -> str:
    return json.dumps(dict.fromkeys(schema["properties"], "x"))


def _reason(message: Body) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path in ("/v1/traces", "/v1/metrics"):
                return self.send(200, "application/x-protobuf", b"")
            provider.asked.set()
            if provider.hold:
                provider.released.wait(5)
                provider.fail.append(503)
            if status := provider.fail.pop(0) if provider.fail else 0:
                return self.send(status, "application/json", b'{"error": {"message": "no"}}')
            answer = provider.answer(self.path, json.loads(body))
            if isinstance(answer, dict):
                return self.send(200, "application/json", json.dumps(answer).encode())
            events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in answer)
            return self.send(200, "text/event-stream", f"{events}data: [DONE]\n\n".encode())

        def send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.send_header("retry-after-ms", "1")
            self.send_header("connection", "close")  # or clients would keep sockets beyond the test
            with contextlib.suppress(ConnectionError):  # a cancelled caller is gone
                self.end_headers()
                self.wfile.write(body)

    return Handler


@pytest.fixture
def provider() -> Iterator[Provider]:
    served = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


class Application:
    """Models of both frameworks, and what is commonly built of them."""

    def __init__(self, provider: Provider, synchronous: httpx.Client, asynchronous: httpx.AsyncClient) -> None:
        self.provider = provider
        url = f"{provider.url}/v1"
        self._langchain: dict[str, Any] = {
            "api_key": "none",
            "base_url": url,
            "max_retries": 0,
            "http_client": synchronous,
            "http_async_client": asynchronous,
        }
        self.chat = self.langchain_model()
        self.other = self.langchain_model(model="gpt-4o-mini")
        self.chain: Any = ChatPromptTemplate.from_messages([("human", "{question}")]) | self.chat
        self.completion = OpenAI(model="gpt-3.5-turbo-instruct", **self._langchain)
        self.embeddings = OpenAIEmbeddings(
            model="text-embedding-3-small", check_embedding_ctx_length=False, **self._langchain
        )
        clients = {"http_client": synchronous, "async_http_client": asynchronous}
        options: dict[str, Any] = {"api_key": "none", "api_base": url, "max_retries": 0, **clients}
        usage = {"stream_options": {"include_usage": True}}
        self.llm = LlamaIndexOpenAI(model="gpt-4o-mini", **options)
        self.streaming_llm = LlamaIndexOpenAI(model="gpt-4o-mini", additional_kwargs=usage, **options)
        self.embedder = OpenAIEmbedding(model="text-embedding-3-small", embed_batch_size=2, **options)
        node = TextNode(text="one", embedding=[0.1, 0.2])
        self.index = VectorStoreIndex(nodes=[node], embed_model=self.embedder)
        self.retriever = self.index.as_retriever()

    def langchain_model(self, **options: Any) -> ChatOpenAI:
        """Build a chat model that differs in the given options."""
        given: dict[str, Any] = {"model": "gpt-4o", "stream_usage": True, **self._langchain, **options}
        return ChatOpenAI(**given)

    def engine(self, *, streaming: bool = False, llm: Any = None) -> Any:
        """Build a query engine."""
        model = llm or (self.streaming_llm if streaming else self.llm)
        return self.index.as_query_engine(llm=model, streaming=streaming)

    async def cancel(self, coroutine: Any) -> None:
        """Cancel what is awaited once its request has reached the provider."""
        self.provider.hold = True
        task = asyncio.ensure_future(coroutine)
        await asyncio.to_thread(self.provider.asked.wait, 5)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self.provider.released.set()


@pytest.fixture
async def app(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Application]:
    # LlamaIndex would fetch its own tokenizer from the network.
    monkeypatch.setattr(llama_index.core, "global_tokenizer", str.split)
    async with httpx.AsyncClient() as asynchronous:
        with httpx.Client() as synchronous:
            yield Application(provider, synchronous, asynchronous)


@pytest.fixture
def tracer_provider(provider: Provider, exporter: InMemorySpanExporter) -> Iterator[TracerProvider]:
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    barrier.faults.clear()
    spanmeter.instrument(service_name="test", endpoint=provider.url, tracer_provider=tracer_provider)
    yield tracer_provider
    spanmeter.uninstrument()


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


Counted = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def counted(
    provider: Provider,
    tracer_provider: TracerProvider,
    exporter: InMemorySpanExporter,
    caplog: pytest.LogCaptureFixture,
) -> Counted:
    """Return a block that is one request: at its end all that is promised of a request must hold.

    It is given the path from the request to each innermost span, "node ask > chat gpt-4o", and how many of
    the provider's last answers nobody heard to their end, so that nobody could have read what they cost: `abandoned`
    ones before they said anything, `estimated` ones by what was asked and what they said.
    """

    @contextlib.contextmanager
    def request(*paths: str, abandoned: int = 0, estimated: int = 0) -> Iterator[None]:
        tracer = tracer_provider.get_tracer("application")
        with tracer.start_as_current_span("request") as span, spanmeter.measure() as bill:
            yield
            gc.collect()
            _wait_for_threads()
            assert trace.get_current_span().get_span_context() == span.get_span_context(), "a span is left current"
        settling.now()
        finished = exporter.get_finished_spans()
        assert sorted(_paths(finished)) == sorted(f"request > {path}" for path in paths)
        assert len({span.context.trace_id for span in finished if span.context}) == 1
        heard = len(provider.answers) - abandoned - estimated
        guesses = [_account(span) for span in finished if _grades(span) == ("estimated", "estimated")]
        reported = [_account(span) for span in finished if _grades(span) != ("estimated", "estimated")]
        assert [calls for calls, asked, *_ in guesses if asked] == [1] * estimated
        assert _sum(reported) == _sum([answered.account for answered in provider.answers[:heard]])
        assert (bill.calls, bill.input_tokens, bill.output_tokens, bill.cost_usd) == _sum(guesses + reported)
        assert [*runs._open, *llama_index_spans._open, *llama_index_spans.models._open] == []
        assert (dict(barrier.faults), _complaints(caplog)) == ({}, [])

    return request


def _wait_for_threads() -> None:
    """Let the threads end that a framework has read a stream for its consumer."""
    deadline = monotonic() + 2
    while (runs._open or llama_index_spans._open or llama_index_spans.models._open) and monotonic() < deadline:
        sleep(0.005)


def _sum(accounts: list[Account]) -> Account:
    calls, asked, answered, usd = zip(*accounts, strict=True) if accounts else ((), (), (), ())
    return sum(calls), sum(asked), sum(answered), sum(usd, Decimal(0))


def _account(span: ReadableSpan) -> Account:
    said: Any = span.attributes or {}
    is_call = said.get(semconv.OPERATION_NAME) in semconv.CALL_OPERATIONS
    if not is_call or (_mark(span) and semconv.INPUT_TOKENS not in said):
        return 0, 0, 0, Decimal(0)
    tokens = said.get(semconv.INPUT_TOKENS, 0), said.get(semconv.OUTPUT_TOKENS, 0)
    return said.get(semconv.CALLS, 1), *tokens, Decimal(said.get(semconv.COST_USD, "0"))


def _grades(span: ReadableSpan) -> tuple[Any, Any]:
    said = span.attributes or {}
    return said.get(semconv.USAGE_GRADE), said.get(semconv.COST_GRADE)


def _paths(finished: tuple[ReadableSpan, ...]) -> Iterator[str]:
    """Every innermost span under its ancestors; chains inside which nothing happened differ between versions."""
    known = {span.context.span_id: span for span in finished if span.context}
    parents = {span.parent.span_id for span in finished if span.parent}
    for span_id, span in known.items():
        if span_id not in parents and not (span.name.startswith("chain ") and not _mark(span)):
            yield " > ".join(reversed(list(_ancestry(span, known))))


def _ancestry(span: ReadableSpan | None, known: dict[int, ReadableSpan]) -> Iterator[str]:
    while span is not None:
        yield span.name + _mark(span)
        span = known.get(span.parent.span_id) if span.parent else None


def _mark(span: ReadableSpan) -> str:
    said = span.attributes or {}
    marks = {semconv.WRAPPER: "wrapper", semconv.CACHE_HIT: "cache hit"}
    mark = next((word for key, word in marks.items() if said.get(key)), "")
    mark = mark or str(said.get(semconv.OUTCOME) or said.get(semconv.ERROR_TYPE) or "")
    return mark and f" ({mark})"


def _complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    loggers = ("opentelemetry", "langchain_core.callbacks", "spanmeter")
    return [record.getMessage() for record in caplog.get_records("call") if record.name.startswith(loggers)]
