"""Calls of tools that OpenAI ran for a response and bills, as its Responses list them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_KINDS: Final = frozenset({"web_search_call", "file_search_call", "code_interpreter_call"})
_NOTHING: Final[Mapping[str, Any]] = {}


def tools_told(response: object) -> Mapping[str, Any]:
    """What a response, as a mapping or an object, tells of tools beside its usage: empty for most of them.

    It has the form that `spanmeter.pricing.tools.tools_run` reads, without what was searched for and found.
    """
    output = told_of(response, "output")
    items = output if isinstance(output, list | tuple) else ()
    calls = [_call(item, kind) for item in items if (kind := told_of(item, "type")) in _KINDS]
    counted = told_of(response, "tool_usage")
    return {"output": calls, "tool_usage": plain(counted)} if calls or counted else _NOTHING


def told_of(source: object, name: str) -> Any:  # noqa: ANN401  the provider's own
    """A field of a mapping or an object, None where it has no such field."""
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)


def plain(value: object) -> Any:  # noqa: ANN401  the provider's own
    """An object of a client as the mapping that it was made from; anything else as it is."""
    dump = getattr(value, "model_dump", None)
    return value if dump is None else dump(exclude_none=True)


def _call(item: object, kind: str) -> Mapping[str, Any]:
    action = told_of(told_of(item, "action"), "type")
    call = {"type": kind, "container_id": told_of(item, "container_id")}
    return {**call, "action": {"type": action}} if action else call
