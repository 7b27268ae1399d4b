"""A receiver of telemetry that reads what it is sent and says yes; prints its port and runs until it is ended."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

_LINE: Final = b"\r\n"
_ANSWER: Final = b'{"instance_flags": {"zstd_compression_enabled": true}}'
"""Nothing anybody asks for, but for what LangSmith's client wants to know before it sends as it usually does."""


class _Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + len(_LINE))
            self.rfile.read(len(_LINE))
        else:
            self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", str(len(_ANSWER)))
        self.end_headers()
        self.wfile.write(_ANSWER)

    do_GET = do_PUT = do_POST  # noqa: N815  the standard library's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
