"""Reads what a model is asked: for hashes at the start, for an estimate of its tokens where one is needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from spanmeter.asked import Asked, is_hashing, spelled, spelled_text, without
from spanmeter.barrier import barrier

_FORMS: Final = ("tools", "functions", "response_format")
"""Parameters of a request that are part of what the model reads."""
_BESIDE: Final = frozenset(
    {*_FORMS, "stream_options", "timeout", "request_timeout", "extra_headers", "metadata", "user"}
)
"""Parameters that are hashed apart, or say nothing about the answer."""


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


@barrier
def asked_of(whom: str, asked: Sequence[Any], parameters: Mapping[str, Any]) -> Asked | None:
    """Take what is hashed of a request: prompts, or the messages of each, tools and forms, and its other parameters."""
    if not is_hashing():
        return None
    texts = [whom]
    for prompt in asked:
        if isinstance(prompt, str):
            texts.append(prompt)
        else:
            _gather(prompt, texts)
    if _BESIDE.isdisjoint(parameters):
        return Asked(b"", texts, spelled(parameters))
    forms = [parameters[name] for name in _FORMS if parameters.get(name)]
    return Asked(spelled(forms) if forms else b"", texts, spelled(without(parameters, _BESIDE)))


def _gather(messages: Iterable[Any], texts: list[str]) -> None:
    """Add all that messages say, calls of tools and media included, without the ids that change with each run."""
    for message in messages:
        said = vars(message)
        content = said["content"]
        texts += said["type"], content if type(content) is str else spelled_text(content)
        if said.get("tool_calls"):
            texts.append(spelled_text([(call["name"], call["args"]) for call in said["tool_calls"]]))
        elif said["additional_kwargs"]:
            texts.append(spelled_text(said["additional_kwargs"]))
