"""The body of a question to the API: a JSON object, within a bound."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable
from decimal import Decimal
from typing import Any, Final

from spanmeter_collector.question_error import QuestionError

MOST_BYTES: Final = 64 * 1024


async def read_body(pieces: AsyncIterable[bytes]) -> bytes:
    """The whole of a body.

    Raises:
        QuestionError: it is too long.
    """
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > MOST_BYTES:
            raise QuestionError(f"the body is longer than {MOST_BYTES} bytes")
    return bytes(body)


def json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object that a body is, its numbers exact; None where it is none."""
    try:
        told = json.loads(body, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
