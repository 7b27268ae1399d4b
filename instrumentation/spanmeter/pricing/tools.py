"""Tools that a provider ran and bills beside the tokens, where a response tells them outside of its usage object."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from spanmeter.pricing.dialects import OPENAI
from spanmeter.pricing.reading import SIZED_SEARCHES, Part, Reading, count_search
from spanmeter.pricing.usage import Usage

_GEMINI: Final = re.compile(r"gemini-(\d+)")
_GROUNDING: Final = ("groundingMetadata", "grounding_metadata")


def tools_run(said: Mapping[str, Any], asked: Mapping[str, Any], *, model: str) -> Usage:
    """The units of tools in what a response said beside its usage and in what its request asked for.

    OpenAI counts web searches in `tool_usage` and lists each call in `output`; a container of its code interpreter is
    billed once. Its search models search once for each request. Google bills Gemini 2's grounded prompts, and each
    query from Gemini 3 on, once however often it is told, and empty ones not at all
    (https://ai.google.dev/gemini-api/docs/google-search).
    """
    run = Usage(**OPENAI.counts({**counted(said), **asked, **said}, []).units or {})
    queries = {str(query) for grounding in _groundings(said) for query in _queries(grounding) if query}
    if "gemini" in model:
        run.web_searches = _billed(model, run.web_searches or len(queries))
    elif queries and not run.web_searches:
        run.web_searches = 1
    if "search-preview" in model or "sonar" in model:
        count_search(run, _size(asked) or ("medium" if "search-preview" in model else ""))
    return run


def _billed(model: str, queries: int) -> int:
    generation = _GEMINI.search(model)
    return queries if generation and int(generation[1]) > 2 else min(queries, 1)


def _size(asked: Mapping[str, Any]) -> str:
    options = asked.get("web_search_options")
    size = (options if isinstance(options, Mapping) else asked).get("search_context_size")
    return size if isinstance(size, str) else ""


def with_tools(reading: Reading, run: Usage) -> Reading:
    """A reading with the units of tools that stood elsewhere in its response; units it has itself go before them."""
    told = reading.usage
    known = {bucket for bucket, _ in told.filled()}
    if not known.isdisjoint(SIZED_SEARCHES):
        known.update(SIZED_SEARCHES)
    missing = {bucket: number for bucket, number in run.filled() if bucket not in known}
    if not missing:
        return reading
    first, *others = reading.parts
    if others or first.model:
        return Reading((*reading.parts, Part(Usage(**missing))), reading.notes)
    return Reading((Part(first.usage + Usage(**missing)),), reading.notes)


def counted(said: Mapping[str, Any]) -> dict[str, int]:
    """The calls in the `output` of a response, under names that a usage object may have."""
    items = said.get("output")
    calls = [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
    containers = {str(call.get("container_id")) for call in calls if call.get("type") == "code_interpreter_call"}
    return {
        "web_search_calls": sum(_searched(call) for call in calls),
        "file_search_calls": sum(call.get("type") == "file_search_call" for call in calls),
        "code_interpreter_sessions": len(containers),
    }


def _searched(call: Mapping[str, Any]) -> bool:
    """Opening a page that a search found and looking for a word on it are not billed."""
    action = call.get("action")
    kind = action.get("type", "search") if isinstance(action, Mapping) else "search"
    return call.get("type") == "web_search_call" and kind == "search"


def _groundings(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield said
    candidates = said.get("candidates")
    sources = [said, *(candidates if isinstance(candidates, list) else [])]
    for source in sources:
        found = next((source.get(key) for key in _GROUNDING if source.get(key)), None) if _is(source) else None
        if isinstance(found, Mapping):
            yield found


def _is(source: object) -> bool:
    return isinstance(source, Mapping)


def _queries(grounding: Mapping[str, Any]) -> list[Any]:
    found = grounding.get("webSearchQueries") or grounding.get("web_search_queries")
    return found if isinstance(found, list) else []
