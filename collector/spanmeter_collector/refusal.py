"""A refusal: why a request over HTTP is answered with an error, as OTLP spells it.

Whoever is told 503 sends again after the time said. 429 would mean the same by the specification, and the Python
SDK's exporter gives up on it, so it is never said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from google.protobuf.message import Message

from spanmeter_collector.otlp_answer import bad_request, retry_info, status, write_status

_CODES: Final[Mapping[str, tuple[int, int]]] = {
    "path": (404, 5),
    "method": (405, 12),
    "unauthorized": (401, 16),
    "content_type": (415, 3),
    "content_encoding": (415, 3),
    "malformed": (400, 3),
    "disconnected": (400, 1),
    "slow": (408, 4),
    "too_large": (413, 8),
    "too_many_spans": (413, 8),
    "overloaded": (503, 8),
    "unavailable": (503, 14),
    "disk_full": (503, 14),
    "log": (503, 14),
}
"""HTTP status and google.rpc code by reason."""


class Refusal(Exception):  # noqa: N818  a refusal is an answer, not an error of ours
    """Why a request is answered with an error; `wait_s` is when the sender may come again, if ever."""

    def __init__(self, reason: str, sentence: str, *headers: tuple[bytes, bytes], wait_s: float = 0) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.status, self._code = _CODES[reason]
        self.wait_s = wait_s
        wait = ((b"retry-after", str(math.ceil(wait_s)).encode()),) if wait_s else ()
        self.headers = (*headers, *wait)

    def body(self, content_type: str) -> bytes:
        """A google.rpc.Status, with what is wrong with the request or when to send it again."""
        said = status(self._code, str(self), *self._details())
        return write_status(said, content_type=content_type)

    def _details(self) -> tuple[Message, ...]:
        if self.wait_s:
            return (retry_info(self.wait_s),)
        return (bad_request(str(self)),) if self.status == 400 else ()
