"""The texts in LlamaIndex's messages and tools, read only where tokens have to be counted on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

Reader = Callable[[], Sequence[str]]


def prompt_of(messages: Iterable[Any], options: Mapping[str, Any]) -> list[str]:
    """One text of each message, and one of each tool the model was offered. What is not text has none."""
    texts = [message_text(message) for message in messages]
    return texts + [json.dumps(tool, default=str) for tool in options.get("tools") or ()]


def message_text(message: Any) -> str:  # noqa: ANN401  the framework's door
    """What a message says: its text, its visible reasoning and its calls of tools."""
    blocks = getattr(message, "blocks", None)
    # Up to 0.11 a message has no blocks, only content: a text, or a list of what the provider takes.
    pieces = list(_texts(message.content if blocks is None else blocks))
    if not any(getattr(block, "block_type", "") == "tool_call" for block in blocks or ()):
        pieces.append(tool_calls_text(message))
    return "".join(pieces)


def tool_calls_text(message: Any) -> str:  # noqa: ANN401  the framework's door
    """The names and arguments of the tools a message calls; "" for what is no message."""
    options = getattr(message, "additional_kwargs", {})
    return "".join(_call_text(call) for call in options.get("tool_calls") or ())


def _texts(content: Any) -> Iterator[str]:  # noqa: ANN401  the framework's door
    if isinstance(content, str):
        yield content
    elif isinstance(content, list | tuple):
        for block in content:
            yield from _texts(block)
    elif content is not None:
        yield from _block_texts(_fields(content))


def _block_texts(block: Mapping[str, Any]) -> Iterator[str]:
    if "tool_kwargs" in block:
        yield f"{block.get('tool_name') or ''}{_spelled(block['tool_kwargs'])}"
    for key in _TEXT_KEYS:
        yield from _texts(block.get(key))


def _call_text(call: Any) -> str:  # noqa: ANN401  provider packages answer with dicts, models or plain objects
    function = _fields(_fields(call).get("function") or call)
    return f"{function.get('name') or ''}{_spelled(function.get('arguments') or function.get('input') or '')}"


def _spelled(arguments: Any) -> str:  # noqa: ANN401  as the provider's class has it
    return arguments if isinstance(arguments, str) else json.dumps(arguments, default=str)


def _fields(value: Any) -> Mapping[str, Any]:  # noqa: ANN401  dicts, models or plain objects
    return value if isinstance(value, Mapping) else getattr(value, "__dict__", {})


_TEXT_KEYS: Final = ("text", "content", "cited_content")
