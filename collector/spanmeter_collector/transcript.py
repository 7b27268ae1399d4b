"""What the spans of a trace quote, for a terminal: who said what, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from spanmeter_collector.table import harmless
from spanmeter_collector.wording import number

SHORT: Final = 400
"""Characters of a text that are shown unless all of it is asked for."""
_TAIL: Final = 100
_USUAL: Final = frozenset({"", "stop", "tool_call", "unknown"})
_BROKEN: Final = " (left of JSON that was cut, or changed by a redaction rule)"
_SWITCH: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY in the application"

Row = Mapping[str, Any]


def transcript(trace: Row, *, full: bool = False) -> str:
    """What every span quotes, or how to have it stored where none quotes anything."""
    blocks = [block for span in trace["spans"] if (block := "\n".join(_span(span, full=full)))]
    return "\n\n".join(blocks) or how_to_switch_on(stores_content=trace["stores_content"])


def how_to_switch_on(*, stores_content: bool) -> str:
    """What to set so that prompts and answers are stored."""
    if stores_content:
        return f"No prompts or answers were sent with this trace. To send them, set {_SWITCH}."
    return f"Prompts and answers are not stored. To store them, set SPANMETER_CONTENT=on for the sidecar and {_SWITCH}."


def _span(span: Row, *, full: bool) -> Iterator[str]:
    content = span["content"]
    if content is None:
        return
    yield f"── {harmless(span['name'])}"
    for tool in content["tools"]:
        yield f"  offered {harmless(tool['name'] or tool['description'][:SHORT])}"
    for name in ("query", "arguments", "result"):
        if content[name]:
            yield from _said(name, content[name], full=full)
    for document in content["documents"]:
        score = "" if document["score"] is None else f" {document['score']:.3g}"
        yield from _said(f"found {harmless(document['id'])}{score}", document["text"], full=full)
    for message in (*content["input"], *content["output"]):
        yield from _message(message, full=full)


def _message(message: Row, *, full: bool) -> Iterator[str]:
    role = harmless(message["role"]) or "message"
    ending = message["finish_reason"]
    if not message["parts"]:
        yield from _said(role, f"(nothing{f', {ending}' if ending else ''})", full=full)
    for part in message["parts"]:
        calls = f" calls {harmless(part['name'])}"
        kind = {"text": "", "tool_call": calls, "tool_call_response": " answers", "broken": _BROKEN}
        yield from _said(role + kind.get(part["kind"], f" ({harmless(part['kind'])})"), part["text"], full=full)
    if message["parts"] and ending not in _USUAL:
        yield f"  {role} ended: {harmless(ending)}"


def _said(who: str, text: str, *, full: bool) -> Iterator[str]:
    lines = (text if full else _short(text)).splitlines() or [""]
    yield f"  {who}: {harmless(lines[0])}"
    yield from (f"    {harmless(line)}" for line in lines[1:])


def _short(text: str) -> str:
    if len(text) <= SHORT:
        return text
    gone = len(text) - SHORT
    return f"{text[: SHORT - _TAIL]} … [{number(gone)} more; --full shows all] … {text[-_TAIL:]}"
