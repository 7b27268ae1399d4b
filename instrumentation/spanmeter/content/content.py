"""What a call quotes: texts by the attributes they go to, and how they become attributes of its span."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.trace import Span

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.capture import content_limit
from spanmeter.content import part
from spanmeter.content.fitting import fitted
from spanmeter.opening import AttributeValue

Content = Mapping[str, Any]
"""A list of the convention's objects or a plain value, by the key of its attribute."""
Quote = Callable[[], Content]
"""Reads content from what a framework said; what it reads was taken when it was said."""

_REASONS: Final = {
    "tool_calls": "tool_call",
    "tool_use": "tool_call",
    "function_call": "tool_call",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "max_tokens": "length",
    "safety": "content_filter",
}
"""Finish reasons of providers where the convention has another word."""
_UNTOLD: Final = {"stopped": "unknown", "failed": "error", "cancelled": "cancelled"}
"""Why an answer ended, where no provider says so: by how its call ended."""


def finish_reason(told: object) -> str:
    """A finish reason in the convention's words; "" for none."""
    reason = told.lower() if isinstance(told, str) else ""
    return _REASONS.get(reason, reason)


def message(role: str, parts: Sequence[part.Part], *, name: object = None) -> dict[str, Any]:
    """A message of the convention."""
    told: dict[str, Any] = {"role": role, "parts": list(parts)}
    return {**told, "name": str(name)} if name else told


def quoted(span: Span, quotes: Sequence[Quote | None], *, how: str, heard: Sequence[str] | None) -> None:
    """Write on an open span what its call quotes; what cannot be read is left out alone.

    `how` the call ended and what was `heard` of a stream stand in for an answer nobody told.
    """
    if not span.is_recording():
        return
    content: dict[str, Any] = {}
    for quote in quotes:
        content |= (_read(quote) if quote is not None else None) or {}
    _complete(content, how, heard)
    limit = _limit(span)
    for key, value in content.items():
        if value and (spelled := _spelled(key, value, limit)):
            span.set_attributes(spelled)


def _complete(content: dict[str, Any], how: str, heard: Sequence[str] | None) -> None:
    answers = content.get(semconv.OUTPUT_MESSAGES, ())
    if how != "stopped":
        answers = [answer for answer in answers if answer["parts"]]
        if heard and not answers:
            answers = [message("assistant", [part.text("".join(heard))])]
        content[semconv.OUTPUT_MESSAGES] = answers
    for answer in answers:
        answer["finish_reason"] = answer.get("finish_reason") or _UNTOLD[how]


@barrier
def _read(quote: Quote) -> Content:
    return quote()


@barrier
def _spelled(key: str, value: Any, limit: int) -> dict[str, AttributeValue]:  # noqa: ANN401  as JSON has it
    text = fitted(value, limit)
    return {key: text} if text else {}


def _limit(span: Span) -> int:
    """The characters an attribute may have: ours, or fewer where the SDK would cut it in half."""
    limits = getattr(span, "_limits", None)
    theirs = getattr(limits, "max_span_attribute_length", None)
    return content_limit() if theirs is None else min(content_limit(), theirs)
