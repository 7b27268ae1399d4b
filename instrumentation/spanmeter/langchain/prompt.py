"""Reads what a model is asked, for an estimate of its tokens; nothing here runs before one is needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

_FORMS: Final = ("tools", "functions", "response_format")
"""Parameters of a request that are part of what the model reads."""


def reader(asked: Sequence[Any], parameters: Mapping[str, Any]) -> Callable[[], Sequence[str]]:
    """Return a reader of prompts, or of the messages of each, and of the tools and forms among the parameters."""
    return partial(_read, asked, parameters)


def _read(asked: Sequence[Any], parameters: Mapping[str, Any]) -> Sequence[str]:
    forms = [parameters[name] for name in _FORMS if parameters.get(name)]
    definitions = [form for given in forms for form in (given if isinstance(given, Sequence) else [given])]
    return [*_prompts(asked), *map(_json, definitions)]


def _prompts(asked: Sequence[Any]) -> Iterable[str]:
    for prompt in asked:
        if isinstance(prompt, str):
            yield prompt
        else:
            yield from map(_message, prompt)


def _message(message: Any) -> str:  # noqa: ANN401  any of LangChain's messages
    content = message.content
    texts = [content] if isinstance(content, str) else [_block(block) for block in content]
    calls = getattr(message, "tool_calls", None) or ()
    return "\n".join([*filter(None, texts), *(f"{call['name']} {_json(call['args'])}" for call in calls)])


def _block(block: Any) -> str:  # noqa: ANN401  providers differ
    if isinstance(block, str):
        return block
    text = block.get("text") if isinstance(block, Mapping) else None
    return text if isinstance(text, str) else ""


def _json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
