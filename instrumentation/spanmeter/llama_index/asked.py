"""What is hashed of a request that LlamaIndex tells of."""

# ruff: noqa: ANN401  the framework's door

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from spanmeter.asked import Asked, is_hashing, spelled, spelled_text, without
from spanmeter.barrier import barrier
from spanmeter.llama_index.message import tool_calls_text

_SHAPING: Final = (
    "temperature",
    "max_tokens",
    "max_output_tokens",
    "max_new_tokens",
    "num_output",
    "num_predict",
    "top_p",
    "top_k",
    "seed",
    "stop",
    "stop_sequences",
    "system_prompt",
    "reasoning_effort",
    "reasoning_options",
    "thinking_dict",
    "response_format",
    "additional_kwargs",
)
"""The fields of models that shape an answer; others may hold keys, and are not even hashed."""
_FORMS: Final = frozenset({"tools", "functions"})
_BESIDE: Final = _FORMS | {"stream_options", "timeout", "extra_headers", "metadata", "user"}


@barrier
def messages_asked(whom: str, event: Any, model: Any) -> Asked | None:
    """Take what is hashed of a chat: its messages, the tools offered and the parameters, also those of the model."""
    return _asked(whom, event, model, _whole(event.messages)) if is_hashing() else None


@barrier
def prompt_asked(whom: str, event: Any, model: Any) -> Asked | None:
    """Take what is hashed of a completion."""
    return _asked(whom, event, model, (event.prompt,)) if is_hashing() else None


def _asked(whom: str, event: Any, model: Any, texts: Iterable[str]) -> Asked:
    given: Mapping[str, Any] = event.additional_kwargs
    fields = getattr(model, "__dict__", {})
    forms = [given[name] for name in ("tools", "functions") if given.get(name)]
    options = [(name, fields[name]) for name in _SHAPING if fields.get(name) is not None]
    return Asked(spelled(forms) if forms else b"", [whom, *texts], spelled(options) + spelled(without(given, _BESIDE)))


def _whole(messages: Iterable[Any]) -> Iterator[str]:
    """All that messages say, media and calls of tools included, without the ids that change with each run."""
    for message in messages:
        yield str(message.role)
        blocks = getattr(message, "blocks", None)
        if blocks is None:  # up to 0.11
            yield message.content if isinstance(message.content, str) else spelled_text(message.content)
        for block in blocks or ():
            text = getattr(block, "text", None)
            yield text if isinstance(text, str) else repr(block)
        yield tool_calls_text(message)
