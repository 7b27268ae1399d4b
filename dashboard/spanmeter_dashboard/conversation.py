"""What a step quotes, in HTML: messages by role, calls of tools, documents; long texts are closed until asked for."""

from __future__ import annotations

from typing import Final

from spanmeter_dashboard import figures, markup
from spanmeter_dashboard.answers import Content, Document, Message, Part

OPEN: Final = 1200
"""Characters of a text that are shown at once."""
_TEASER: Final = 160
_WORTH_A_LOOK: Final = frozenset({"length", "content_filter", "error", "cancelled"})
_KINDS: Final = {
    "reasoning": "reasoning",
    "tool_call_response": "answer of a tool",
    "media": "media",
    "other": "other",
    "broken": "left of JSON that was cut, or changed by a redaction rule",
}


def conversation(content: Content) -> str:
    """All that a step quotes, escaped: nothing of it is HTML or Markdown here."""
    blocks = (
        _said("searched for", content.query),
        "".join(map(_document, content.documents)),
        _said("called with", content.arguments),
        _said("result", content.result),
        "".join(map(_message, content.input)),
        "".join(map(_message, content.output)),
        _tools(content),
    )
    return f'<div class="sm-quotes"><h4>Messages</h4>{"".join(blocks)}</div>'


def _message(message: Message) -> str:
    who = " ".join(filter(None, (message.role or "message", message.name)))
    ending = message.finish_reason if message.finish_reason not in {"stop", "unknown"} else ""
    chip = markup.chip(ending, "warn" if ending in _WORTH_A_LOOK else "") if ending else ""
    parts = "".join(map(_part, message.parts)) or '<p class="sm-none">nothing</p>'
    head = f'<div class="sm-who">{markup.text(who)}{chip}</div>'
    return f'<div class="sm-said {_style(message.role)}">{head}{parts}</div>'


def _style(role: str) -> str:
    return role if role in {"system", "user", "assistant", "tool"} else "other"


def _part(part: Part) -> str:
    if part.kind == "tool_call":
        return f'<div class="sm-kind">calls <b>{markup.text(part.name)}</b></div>{_text(part.text)}'
    kind = _KINDS.get(part.kind, "")
    return (f'<div class="sm-kind">{kind}</div>' if kind else "") + _text(part.text)


def _text(text: str) -> str:
    """A text as it was written; of a long one its beginning, until somebody opens it."""
    if len(text) <= OPEN:
        return f'<pre class="sm-text">{markup.text(text)}</pre>'
    teaser = f"{markup.text(text[:_TEASER])}… <small>{figures.count(len(text))} characters</small>"
    return (
        f'<details class="sm-long"><summary>{teaser}</summary><pre class="sm-text">{markup.text(text)}</pre></details>'
    )


def _said(who: str, text: str) -> str:
    return f'<div class="sm-said other"><div class="sm-who">{who}</div>{_text(text)}</div>' if text else ""


def _document(document: Document) -> str:
    score = "" if document.score is None else f" {markup.chip(f'{document.score:.3g}')}"
    about = f'<div class="sm-kind">{markup.text(document.metadata)}</div>' if document.metadata else ""
    return (
        f'<div class="sm-said tool"><div class="sm-who">found {markup.text(document.id)}{score}</div>'
        f"{about}{_text(document.text)}</div>"
    )


def _tools(content: Content) -> str:
    if not content.tools:
        return ""
    lines = "".join(f"<dt>{markup.text(name)}</dt><dd>{markup.text(about)}</dd>" for name, about in content.tools)
    head = f"{figures.count(len(content.tools))} tool{'' if len(content.tools) == 1 else 's'} offered"
    return f'<details class="sm-long"><summary>{head}</summary><dl>{lines}</dl></details>'
