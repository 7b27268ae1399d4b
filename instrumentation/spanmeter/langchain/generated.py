"""Reads what a model generated, for an estimate of its tokens; nothing here runs before one is needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

_TEXTS: Final = ("text", "reasoning", "thinking")


def reader(generations: Sequence[Any]) -> Callable[[], str]:
    """Return a reader of what all answers to one prompt say: text, visible reasoning and calls of tools."""
    return partial(_read, generations)


def _read(generations: Sequence[Any]) -> str:
    return "\n".join(text for generation in generations for text in _generation(generation) if text)


def _generation(generation: Any) -> Iterable[str]:  # noqa: ANN401  a generation of any kind
    message = getattr(generation, "message", None)
    if message is None:
        yield _text(getattr(generation, "text", ""))
        return
    content = getattr(message, "content", "")
    yield from (_text(block) for block in (content if isinstance(content, list) else [content]))
    extra = getattr(message, "additional_kwargs", None)
    yield _text(extra.get("reasoning_content")) if isinstance(extra, Mapping) else ""
    for call in getattr(message, "tool_calls", None) or ():
        yield f"{call['name']} {json.dumps(call['args'], default=str, ensure_ascii=False)}"


def _text(block: object) -> str:
    if isinstance(block, Mapping):
        block = next((block[key] for key in _TEXTS if isinstance(block.get(key), str)), "")
    return block if isinstance(block, str) else ""
