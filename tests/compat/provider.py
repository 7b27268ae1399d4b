"""A provider on loopback that speaks the OpenAI API and keeps its own account of every answer."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tests.compat.account import Account

Body = dict[str, Any]

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
    With `hold` set no request is answered, nor charged; a good answer waits until the `gate` is set, as it usually is.
    """

    url: str = ""
    says: list[str] = field(default_factory=list)
    fail: list[int] = field(default_factory=list)
    hold: bool = False
    asked: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)
    answers: list[Answered] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.gate.set()

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
            provider.gate.wait(5)
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


@contextlib.contextmanager
def serving() -> Iterator[Provider]:
    """Serve a provider until the end of the block."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(provider))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield provider
    server.shutdown()
    server.server_close()
    thread.join()
