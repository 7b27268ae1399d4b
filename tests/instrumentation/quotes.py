"""What finished spans quote."""

from __future__ import annotations

import json
from typing import Any

from spanmeter import semconv

QUOTES = frozenset(
    {
        semconv.INPUT_MESSAGES,
        semconv.OUTPUT_MESSAGES,
        semconv.SYSTEM_INSTRUCTIONS,
        semconv.TOOL_DEFINITIONS,
        semconv.TOOL_ARGUMENTS,
        semconv.TOOL_RESULT,
        semconv.RETRIEVAL_QUERY,
        semconv.RETRIEVAL_DOCUMENTS,
    }
)


def quoted(attributes: Any) -> dict[str, Any]:
    """What attributes quote, read from its JSON; a text is itself."""
    told = {key: value for key, value in attributes.items() if key in QUOTES}
    return {key: json.loads(value) if value[:1] in {"[", "{"} else value for key, value in told.items()}


def text(said: str) -> dict[str, Any]:
    """A part."""
    return {"type": "text", "content": said}


def message(role: str, *parts: dict[str, Any], **beside: Any) -> dict[str, Any]:
    """A message of these parts."""
    return {"role": role, "parts": list(parts), **beside}
