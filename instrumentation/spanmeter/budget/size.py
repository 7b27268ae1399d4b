"""How large a request is, told by lengths alone: no text is read, so that it costs next to nothing."""

# ruff: noqa: ANN401  requests of frameworks hold anything

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

OTHER_BYTES: Final = 4_500
"""Taken for what is no text, such as an image: as many tokens as the larger ones of OpenAI and Anthropic have."""
LIMITS: Final = (
    "max_completion_tokens",
    "max_tokens",
    "max_output_tokens",
    "max_tokens_to_sample",
    "max_new_tokens",
    "num_predict",
)
"""What providers call the most tokens of an answer."""
_FORMS: Final = ("tools", "functions", "response_format")
_NESTED: Final = ("model_kwargs", "additional_kwargs", "generation_config")
_MOST_FORMS: Final = 256
_lengths: Final[OrderedDict[int, tuple[object, int]]] = OrderedDict()


class OutputLimit(NamedTuple):
    """The most tokens of an answer, None where nobody says; `firm` when the application set it itself."""

    tokens: int | None
    firm: bool


NO_LIMIT: Final = OutputLimit(None, firm=False)


def text_bytes(text: str) -> int:
    """The bytes of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def content_bytes(content: Any) -> int:
    """The bytes of what a message holds: a text, or blocks of which some are text."""
    if isinstance(content, str):
        return text_bytes(content)
    if content is None:
        return 0
    return sum(map(_block_bytes, content)) if isinstance(content, list | tuple) else _block_bytes(content)


def _block_bytes(block: Any) -> int:
    if isinstance(block, str):
        return text_bytes(block)
    text = block.get("text") if isinstance(block, Mapping) else getattr(block, "text", None)
    if isinstance(text, str):
        return text_bytes(text)
    if isinstance(block, Mapping) and block.get("type") in {"tool_use", "tool_result", "tool_call"}:
        return text_bytes(str(block))
    return OTHER_BYTES


def form_bytes(options: Mapping[str, Any]) -> int:
    """The bytes of tools and forms that the model reads, spelled as JSON; known by heart for the latest of them."""
    return sum(_length(options[name]) for name in _FORMS if options.get(name))


def _length(form: Any) -> int:
    known = _lengths.get(id(form))
    if known is not None and known[0] is form:
        return known[1]
    length = text_bytes(json.dumps(form, default=str))
    _lengths[id(form)] = form, length
    while len(_lengths) > _MOST_FORMS:
        _lengths.popitem(last=False)
    return length


def output_limit(options: Mapping[str, Any], model: Mapping[str, Any]) -> OutputLimit:
    """The limit that a request sets, or its model: `model` are the fields of the framework's object."""
    profile = model.get("profile")
    most = profile.get("max_output_tokens") if isinstance(profile, Mapping) else None
    told = next(_limits((options, model, *(model.get(name) for name in _NESTED))), None)
    if told is None:
        return OutputLimit(most, firm=False)
    answers = options.get("n") or model.get("n") or 1
    return OutputLimit(told * answers if isinstance(answers, int) else told, firm=told != most)


def _limits(places: Iterable[Any]) -> Iterator[int]:
    for place in places:
        if isinstance(place, Mapping):
            for name in LIMITS:
                limit = place.get(name)
                if type(limit) is int and limit > 0:
                    yield limit
