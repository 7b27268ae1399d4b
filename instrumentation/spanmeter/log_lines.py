"""Log records as lines that say which trace, request and customer they belong to."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry import trace

from spanmeter import semconv
from spanmeter.capture import may_show_content
from spanmeter.scope import current_scope

_ACCESS: Final = "uvicorn.access"
REQUEST_ID: Final = "request_id"
"""The tag of `spanmeter.context` that names a request."""
_DIMENSIONS: Final = {
    semconv.TAG_PREFIX + REQUEST_ID: REQUEST_ID,
    semconv.USER_ID: "user",
    semconv.CONVERSATION_ID: "session",
    semconv.TENANT: "tenant",
    semconv.FEATURE: "feature",
    semconv.TEAM: "team",
}
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "color_message"}


def surroundings() -> dict[str, Any]:
    """Return what is current: trace_id and span_id in hexadecimal, request_id, the dimensions that are known, tags."""
    said: dict[str, Any] = {}
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        said["trace_id"] = trace.format_trace_id(span.trace_id)
        said["span_id"] = trace.format_span_id(span.span_id)
    stamped = current_scope().attributes
    said |= {name: stamped[key] for key, name in _DIMENSIONS.items() if key in stamped}
    prefix = semconv.TAG_PREFIX
    tags = {
        key.removeprefix(prefix): value
        for key, value in stamped.items()
        if key.startswith(prefix) and key not in _DIMENSIONS
    }
    return said | ({"tags": tags} if tags else {})


class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, logger, message, what is current, the extras, and the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """The record on one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            **surroundings(),
            **dict(_extras(record)),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return _json(line)


class ReadableLines(logging.Formatter):
    """The same for people: time, level, logger and message first, then the rest as `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record on one line, a traceback below it."""
        at = datetime.fromtimestamp(record.created).astimezone()
        known = surroundings()
        said = known.pop("tags", {}) | known | dict(_extras(record))
        head = f"{at:%H:%M:%S}.{at.microsecond // 1000:03} {record.levelname:<8} {record.name}  {_message(record)}"
        lines = ["  ".join([head, *(f"{name}={value}" for name, value in said.items())])]
        if record.exc_info:
            lines.append(self.formatException(record.exc_info))
        if record.stack_info:
            lines.append(self.formatStack(record.stack_info))
        return "\n".join(lines)


def _json(line: Mapping[str, Any]) -> str:
    """Spell what JSON has no word for: keys that are no texts, infinite numbers, circles, halves of characters."""
    try:
        text = json.dumps(line, default=str, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        text = json.dumps({name: str(value) for name, value in line.items()}, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()


def _message(record: logging.LogRecord) -> str:
    """What was logged; of uvicorn's access log without the query of the address, which may be what was asked."""
    given = record.args
    if record.name != _ACCESS or not isinstance(given, tuple) or may_show_content():
        return record.getMessage()
    without = tuple(value.partition("?")[0] if isinstance(value, str) else value for value in given)
    return str(record.msg) % without


def _extras(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in record.__dict__.items() if name not in _STANDARD)
