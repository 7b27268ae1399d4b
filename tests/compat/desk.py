"""The provider of random applications: it knows which piece each request came from, and fails as the piece says."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from typing import Any

from tests.compat.provider import Answered, Body, Provider

_MARK = re.compile(r"q(\d+)q")


@dataclass
class Served:
    """A good answer: whose it was, whether it told its usage, and whether it was sent whole."""

    asked_by: int
    answered: Answered
    told: bool
    whole: bool = True


@dataclass
class Desk(Provider):
    """A provider whose failures are those of the piece that asks; each piece marks its prompts with its number."""

    served: list[Served] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    scripts: dict[int, list[int]] = field(default_factory=dict)
    slow_s: float = 0.0
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def clear(self) -> None:
        """Forget one application before the next."""
        self.answers.clear()
        self.served.clear()
        self.refused.clear()
        self.scripts.clear()
        self.slow_s = 0.0

    def status(self, asked_by: int) -> int:
        with self.lock:
            script = self.scripts.get(asked_by)
            status = script.pop(0) if script else 0
            if status:
                self.refused.append(asked_by)
            return status

    def charge(self, asked: Body, *, cached: int = 64, output: int = 20) -> Body:
        with self.lock:
            more = len(self.answers)
            answered = Answered(asked["model"], 40 + more, cached, output and output + more)
            self.answers.append(answered)
            told = not asked.get("stream") or bool((asked.get("stream_options") or {}).get("include_usage"))
            self.served.append(Served(_asked_by(asked), answered, told))
        _latest.served = self.served[-1]
        return answered.usage()


_latest = threading.local()


def _asked_by(asked: Body) -> int:
    found = _MARK.findall(json.dumps(asked))
    return int(found[-1]) if found else -1


@contextlib.contextmanager
def serving() -> Iterator[Desk]:
    """Serve on a free port for the length of the block."""
    desk = Desk()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(desk))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    desk.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield desk
    server.shutdown()
    server.server_close()
    thread.join()


def _handler(desk: Desk) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path in ("/v1/traces", "/v1/metrics"):
                return self.send(200, "application/x-protobuf", b"")
            asked = json.loads(body)
            sleep(desk.slow_s)
            status = desk.status(_asked_by(asked))
            if status > 0:
                return self.send(status, "application/json", b'{"error": {"message": "no"}}')
            answer = desk.answer(self.path, asked)
            if isinstance(answer, dict):
                text = json.dumps(answer).encode()
                return self.send(200, "application/json", text, whole=not status)
            events = [f"data: {json.dumps(chunk)}\n\n" for chunk in answer]
            if status == -2:
                events[len(events) // 2 :] = ['data: {"error": {"message": "no"}}\n\n']
                _latest.served.whole = False
            return self.send(
                200, "text/event-stream", f"{''.join(events)}data: [DONE]\n\n".encode(), whole=status != -1
            )

        def send(self, status: int, kind: str, body: bytes, *, whole: bool = True) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.send_header("retry-after-ms", "1")
            self.send_header("connection", "close")
            if not whole:
                _latest.served.whole = False
                body = body[: len(body) // 2]
            with contextlib.suppress(ConnectionError):
                self.end_headers()
                self.wfile.write(body)
            self.close_connection = True

    return Handler
