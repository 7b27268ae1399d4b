"""A provider on loopback that answers every request with the recording it was given last."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import unquote

from tests.replay.recording import Recording

_REFUSAL: Final = b'{"error": {"message": "nobody may ask", "type": "permission_error", "code": 403}}'


class Player:
    """Answers at `url` with `recording`, and counts its answers; `asked` is where and what it was asked last.

    Where `refuses` is set it answers that nobody may ask.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answered = 0
        self.asked = ""
        self.refuses = False
        self.recording: Recording | None = None

    def load(self, recording: Recording) -> None:
        """Answer with this from now on, and count anew."""
        self.recording, self.answered, self.asked = recording, 0, ""


@contextlib.contextmanager
def playing() -> Iterator[Player]:
    """Run a player on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    player = Player(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = _handler(player)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield player
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(player: Player) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library's name
            pass

        def do_GET(self) -> None:
            # Some clients ask for their model when they are made.
            limits = b'{"name": "models/any", "inputTokenLimit": 10000, "outputTokenLimit": 1000}'
            return self.answer(limits, {"content-type": "application/json"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            recording = player.recording
            if recording is None or self.path.startswith(("/v1/traces", "/v1/metrics")):
                return self.answer(b"", {"content-type": "application/x-protobuf"})
            player.answered += 1
            player.asked = f"{unquote(self.path)} {body.decode()}"
            if player.refuses:
                return self.answer(_REFUSAL, {"content-type": "application/json"}, status=403)
            told = {name: value for name, value in recording.headers.items() if name.startswith("x-amzn-bedrock")}
            return self.answer(recording.body, {**told, "content-type": recording.content_type})

        def answer(self, body: bytes, headers: dict[str, str], *, status: int = 200) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.send_header("connection", "close")  # or clients would keep sockets beyond the test
            with contextlib.suppress(ConnectionError):  # a client may stop reading
                self.end_headers()
                self.wfile.write(body)

    return Handler
