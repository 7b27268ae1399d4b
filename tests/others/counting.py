"""A provider on loopback that speaks the APIs of OpenAI and Anthropic and keeps its own account of every answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, Final

Body = dict[str, Any]
Account = tuple[int, int, int, Decimal]
"""Calls, input tokens, output tokens and dollars."""

# US dollars for a million tokens: fresh input, read from the cache, written to it, output
# https://platform.openai.com/docs/pricing and https://docs.anthropic.com/en/docs/about-claude/pricing
RATES: Final = {
    "gpt-4o-mini": ("0.15", "0.075", "0", "0.6"),
    "text-embedding-3-small": ("0.02", "0", "0", "0"),
    "claude-sonnet-4-5": ("3", "0.3", "3.75", "15"),
}
FAILING: Final = "fail"


@dataclass(frozen=True, slots=True)
class Answered:
    """What is charged for one request."""

    model: str
    fresh: int
    output: int
    read: int = 0
    written: int = 0

    @property
    def account(self) -> Account:
        """One call, its input tokens, its output tokens and its cost."""
        counts = (self.fresh, self.read, self.written, self.output)
        usd = sum(map(_times, counts, RATES[self.model]), Decimal(0)) / 1_000_000
        return 1, self.fresh + self.read + self.written, self.output, usd


def _times(tokens: int, rate: str) -> Decimal:
    return tokens * Decimal(rate)


def account_of(answers: Sequence[Answered]) -> Account:
    """What answers come to."""
    calls, asked, said, usd = zip(*(answered.account for answered in answers), strict=True) if answers else ((),) * 4
    return sum(calls), sum(asked), sum(said), sum(usd, Decimal(0))


@dataclass
class Provider:
    """Answers at `url`; no two answers cost the same. A request that says `fail` anywhere gets an error."""

    url: str = ""
    answers: list[Answered] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def charge(self, model: str, **parts: int) -> Answered:
        """Note an answer."""
        self.answers.append(Answered(model, **parts))
        return self.answers[-1]

    def answer(self, path: str, asked: Body) -> Body | list[Body]:
        """The answer to a request, or the events of a stream."""
        number = next(self.numbers)
        if path.endswith("/embeddings"):
            return self.embeddings(asked, number)
        if path.endswith("/messages"):
            whole = self.message(asked, number)
            return list(_message_events(whole)) if asked.get("stream") else whole
        if path.endswith("/responses"):
            whole = self.response(asked, number)
            return list(_response_events(whole)) if asked.get("stream") else whole
        return self.chunks(asked, number) if asked.get("stream") else self.chat(asked, number)

    def embeddings(self, asked: Body, number: int) -> Body:
        """https://platform.openai.com/docs/api-reference/embeddings/create."""
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        fresh = self.charge(asked["model"], fresh=7 + number, output=0).fresh
        data = [{"object": "embedding", "index": index, "embedding": [0.1, 0.2]} for index in range(len(texts))]
        usage = {"prompt_tokens": fresh, "total_tokens": fresh}
        return {"object": "list", "model": asked["model"], "data": data, "usage": usage}

    def chat(self, asked: Body, number: int) -> Body:
        """https://platform.openai.com/docs/api-reference/chat/create."""
        message, reason = _chat_message(asked)
        choices = [{"index": n, "message": message, "finish_reason": reason} for n in range(asked.get("n") or 1)]
        return _chat(asked, number, choices) | {"object": "chat.completion", "usage": self.chat_usage(asked, number)}

    def chunks(self, asked: Body, number: int) -> list[Body]:
        """https://platform.openai.com/docs/api-reference/chat/streaming."""
        message, reason = _chat_message(asked)
        words = [{"content": word} for word in (message["content"] or "").split()]
        calls = [{"role": "assistant", "tool_calls": message["tool_calls"]}] if "tool_calls" in message else words
        deltas: list[tuple[Body, str | None]] = [*((delta, None) for delta in calls), ({}, reason)]
        usage = self.chat_usage(asked, number)
        told = [_chat(asked, number, []) | {"usage": usage}] if _wants_usage(asked) else []
        return [_chat(asked, number, [{"index": 0, "delta": d, "finish_reason": end}]) for d, end in deltas] + told

    def chat_usage(self, asked: Body, number: int) -> Body:
        """Half of the input from the cache, a part of the output thought."""
        charged = self.charge(asked["model"], fresh=36 + number, read=64, output=20 + number)
        return {
            "prompt_tokens": charged.fresh + charged.read,
            "completion_tokens": charged.output,
            "total_tokens": charged.fresh + charged.read + charged.output,
            "prompt_tokens_details": {"cached_tokens": charged.read, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 0},
        }

    def response(self, asked: Body, number: int) -> Body:
        """https://platform.openai.com/docs/api-reference/responses/object."""
        charged = self.charge(asked["model"], fresh=36 + number, read=64, output=20 + number)
        usage = {
            "input_tokens": charged.fresh + charged.read,
            "input_tokens_details": {"cached_tokens": charged.read},
            "output_tokens": charged.output,
            "output_tokens_details": {"reasoning_tokens": 8},
            "total_tokens": charged.fresh + charged.read + charged.output,
        }
        return _response(asked, number) | {"usage": usage}

    def message(self, asked: Body, number: int) -> Body:
        """https://docs.anthropic.com/en/api/messages: its input leaves the cache out."""
        charged = self.charge(asked["model"], fresh=30 + number, read=50, written=11, output=20 + number)
        usage = {
            "input_tokens": charged.fresh,
            "cache_read_input_tokens": charged.read,
            "cache_creation_input_tokens": charged.written,
            "cache_creation": {"ephemeral_5m_input_tokens": charged.written, "ephemeral_1h_input_tokens": 0},
            "output_tokens": charged.output,
            "service_tier": "standard",
        }
        return _anthropic(asked, number) | {"usage": usage}


def _wants_usage(asked: Body) -> bool:
    return bool((asked.get("stream_options") or {}).get("include_usage"))


def _chat(asked: Body, number: int, choices: list[Any]) -> Body:
    named = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1}
    return named | {"model": f"{asked['model']}-2024-07-18", "choices": choices, "service_tier": "default"}


def _chat_message(asked: Body) -> tuple[Body, str]:
    """Call the first tool that is offered and has not answered yet, else say two words."""
    if not asked.get("tools") or asked["messages"][-1]["role"] == "tool":
        return {"role": "assistant", "content": "Hello world"}, "stop"
    function = asked["tools"][0]["function"]
    called = {"name": function["name"], "arguments": _arguments(function["parameters"])}
    call = {"id": "call_1", "index": 0, "type": "function", "function": called}
    return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"


def _arguments(schema: Body) -> str:
    return json.dumps({name: "x" for name, kind in schema.get("properties", {}).items() if kind.get("type") != "null"})


def _response(asked: Body, number: int) -> Body:
    text = {"type": "output_text", "text": "Hello world", "annotations": [], "logprobs": []}
    said: Body = {"type": "message", "id": f"msg_{number}", "status": "completed", "role": "assistant"}
    output: list[Body] = [said | {"content": [text]}]
    answered = any(item.get("type") == "function_call_output" for item in asked["input"] if isinstance(item, dict))
    if asked.get("tools") and not answered:
        tool = asked["tools"][0]
        call = {"type": "function_call", "id": f"fc_{number}", "call_id": "call_1", "status": "completed"}
        output = [call | {"name": tool["name"], "arguments": _arguments(tool["parameters"])}]
    named = {"id": f"resp_{number}", "object": "response", "created_at": 1, "status": "completed", "error": None}
    asked_for = {"tools": asked.get("tools") or [], "tool_choice": "auto", "parallel_tool_calls": True}
    return named | asked_for | {"model": f"{asked['model']}-2024-07-18", "output": output, "service_tier": "default"}


def _response_events(whole: Body) -> Iterator[Body]:
    numbers = count()
    begun = whole | {"status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun, "sequence_number": next(numbers)}
    for index, item in enumerate(whole["output"]):
        at = {"output_index": index, "item_id": item["id"]}
        yield {
            "type": "response.output_item.added",
            "item": item | {"content": []},
            "sequence_number": next(numbers),
        } | at
        for part in item.get("content", ()):
            here = at | {"content_index": 0}
            empty = part | {"text": ""}
            yield {"type": "response.content_part.added", "part": empty, "sequence_number": next(numbers)} | here
            delta = {"delta": part["text"], "logprobs": []}
            yield {"type": "response.output_text.delta", "sequence_number": next(numbers)} | delta | here
            text = {"text": part["text"], "logprobs": []}
            yield {"type": "response.output_text.done", "sequence_number": next(numbers)} | text | here
            yield {"type": "response.content_part.done", "part": part, "sequence_number": next(numbers)} | here
        yield {"type": "response.output_item.done", "item": item, "sequence_number": next(numbers)} | at
    yield {"type": "response.completed", "response": whole, "sequence_number": next(numbers)}


def _anthropic(asked: Body, number: int) -> Body:
    content: Body = {"type": "text", "text": "Hello world"}
    last = asked["messages"][-1]["content"]
    answered = isinstance(last, list) and any(part.get("type") == "tool_result" for part in last)
    if asked.get("tools") and not answered:
        tool = asked["tools"][0]
        arguments = json.loads(_arguments(tool["input_schema"]))
        content = {"type": "tool_use", "id": "toolu_1", "name": tool["name"], "input": arguments}
    reason = "tool_use" if content["type"] == "tool_use" else "end_turn"
    named = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": f"{asked['model']}-20250929"}
    return named | {"content": [content], "stop_reason": reason, "stop_sequence": None}


def _message_events(whole: Body) -> Iterator[Body]:
    content, usage = whole["content"][0], whole["usage"]
    started = whole | {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
    is_tool = content["type"] == "tool_use"
    nothing: Body = {"input": {}} if is_tool else {"text": ""}
    empty = content | nothing
    inputs: Body = {"type": "input_json_delta", "partial_json": json.dumps(content.get("input"))}
    delta = inputs if is_tool else {"type": "text_delta", "text": content["text"]}
    yield {"type": "message_start", "message": started}
    yield {"type": "content_block_start", "index": 0, "content_block": empty}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": usage}
    yield {"type": "message_stop"}


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if FAILING.encode() in body:
                return self.send(400, "application/json", b'{"error": {"message": "no", "type": "invalid"}}')
            answer = provider.answer(self.path.partition("?")[0], json.loads(body))
            if isinstance(answer, dict):
                return self.send(200, "application/json", json.dumps(answer).encode())
            end = "" if answer[0].get("type") else "data: [DONE]\n\n"
            return self.send(200, "text/event-stream", ("".join(_events(answer)) + end).encode())

        def send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.send_header("connection", "close")  # or clients would keep sockets of an event loop that has ended
            with suppress(ConnectionError):
                self.end_headers()
                self.wfile.write(body)

    return Handler


def _events(events: Iterable[Body]) -> Iterator[str]:
    for event in events:
        named = f"event: {event['type']}\n" if "type" in event else ""
        yield f"{named}data: {json.dumps(event)}\n\n"


@contextmanager
def serving(provider: Provider | None = None) -> Iterator[Provider]:
    """Serve a provider until the end of the block."""
    provider = provider or Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(provider))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield provider
    server.shutdown()
    server.server_close()
