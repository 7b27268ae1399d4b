"""Which passages a model reads: the best of all searches, as far as they fit into the budget of tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Final

from spanmeter.estimate.encodings import encoding
from spanmeter_rag.answer import Source, Sources
from spanmeter_rag.effects import note
from spanmeter_rag.settings import Retrieval

_LEAST_TOKENS: Final = 30
"""A passage of which less would be left is dropped."""
_CHARACTERS_A_TOKEN: Final = 4
"""Where no encoding is on this machine."""


def select(found: Iterable[Source], retrieval: Retrieval) -> Sources:
    """Return the best passages of several searches, each once, the best first, and cut where they exceed the budget."""
    once = {source.id: source for source in found}
    ranked = sorted(once.values(), key=lambda source: (-source.score, source.id))
    kept, left_out = ranked[: retrieval.top_k], ranked[retrieval.top_k :]
    if left_out:
        note("top_k", tokens=sum(map(_tokens, left_out)))
    fitting = tuple(_fitting(kept, retrieval.context_tokens))
    if saved := sum(map(_tokens, kept)) - sum(map(_tokens, fitting)):
        note("context_limit", tokens=saved)
    return fitting


def _fitting(sources: Iterable[Source], budget: int) -> Iterator[Source]:
    for source in sources:
        tokens = _tokens(source)
        if tokens <= budget:
            yield source
        elif budget >= _LEAST_TOKENS:
            yield replace(source, text=_cut(source.text, budget - count_tokens(source.title)))
        budget = max(0, budget - tokens)


def _tokens(source: Source) -> int:
    return count_tokens(source.title) + count_tokens(source.text)


@cache
def count_tokens(text: str) -> int:
    """Return how many tokens a text has by o200k_base, or about how many where that is not on this machine."""
    known = encoding("o200k_base")
    return len(known.encode_ordinary(text)) if known else len(text) // _CHARACTERS_A_TOKEN


def _cut(text: str, tokens: int) -> str:
    known = encoding("o200k_base")
    if known is None:
        return text[: max(0, tokens) * _CHARACTERS_A_TOKEN]
    return known.decode(known.encode_ordinary(text)[: max(0, tokens)]).rstrip("\N{REPLACEMENT CHARACTER}")
