"""Reranks before a client asks: where budgets stop or hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from spanmeter.barrier import barrier
from spanmeter.budget import gate
from spanmeter.budget.budgets import budgets
from spanmeter.budget.sent import Sent
from spanmeter.budget.size import content_bytes, text_bytes
from spanmeter.budget.turn import Turn
from spanmeter.call import Call

RERANK: Final = "rerank"
_HELD_AS_A_WHOLE: Final = frozenset({"langchain"})


@barrier
def turn(call: Call, args: Sequence[Any], options: Mapping[str, Any]) -> Turn | None:
    """The turn of the request that a rerank's client is about to send.

    None where no budget holds for it, and where the framework's adapter has taken one for the whole rerank.
    """
    if call.opening.operation != RERANK or not budgets.groups:
        return None
    if call.opening.framework in _HELD_AS_A_WHOLE and gate.has_turn(call):
        return None
    query, documents = options.get("query"), options.get("documents")
    texts = [each for each in args if isinstance(each, str | list | tuple)]
    query = query if isinstance(query, str) else next((each for each in texts if isinstance(each, str)), "")
    if documents is None:
        documents = next((each for each in texts if not isinstance(each, str)), ())
    return gate.turn_of(call, sent(query, documents))


def sent(query: str, documents: Sequence[Any]) -> Sent:
    """What a rerank sends: providers that bill tokens count the query once for each document."""
    return Sent(text_bytes(query) * len(documents) + sum(map(content_bytes, documents)), len(documents))
