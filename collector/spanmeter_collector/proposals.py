"""What could have saved money: one entry a proposal, in the order in which a dollar goes to the first that saves it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import repeat
from typing import Final, NamedTuple

from spanmeter import semconv
from spanmeter.pricing import PriceBook, PriceKey
from spanmeter_collector.saving_group import Epochs, Example, Group, Lines, State
from spanmeter_collector.saving_terms import OFFLINE_TAG, Terms

_GIVEN: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
"""The buckets in which documents may be, in the order of a group's `surplus`."""
_OTHER_TIERS: Final = frozenset({"batch", "flex", "priority", "fast", "scale"})


class Prices(NamedTuple):
    """What the proposals need beside the calls: the prices of their time, and the terms of the question."""

    book: PriceBook
    epochs: Epochs
    terms: Terms

    def lines(self, key: PriceKey, group: Group) -> Lines:
        """The prices of each bucket for calls as long as the group's; none where they are not known."""
        rates = self.book.rates(key, self.epochs.start(group))
        return {} if rates.reason else rates.lines_for(group.longest)


class Touched(NamedTuple):
    """The calls of a group that a proposal is about, the tokens it saves or reprices, and the largest of these calls.

    What the group saves is theirs by their share of `whole`, which is what examples are large in.
    """

    calls: int
    input_tokens: int
    output_tokens: int
    whole: Decimal | int
    examples: Sequence[Example]


class Proposal(NamedTuple):
    """A change: what it is called, what it supposes, whom it touches, and what it makes of a state.

    `change` returns None where what would be saved is not known.
    """

    name: str
    assumption: Callable[[Terms], str]
    touches: Callable[[Group], Touched]
    change: Callable[[State, Group, Prices], State | None]


_NONE: Final = Touched(0, 0, 0, 0, ())


def _all_of(group: Group) -> Touched:
    return Touched(group.calls, group.input_tokens, group.output_tokens, group.usd or 0, group.dearest)


def _whole(holds: Callable[[Group], bool]) -> Callable[[Group], Touched]:
    """The calls of a group with all their tokens, if something holds of the group."""
    return lambda group: _all_of(group) if holds(group) else _NONE


def _part(
    holds: Callable[[Group], int], tokens: Callable[[Group], int], examples: Callable[[Group], Sequence[Example]]
) -> Callable[[Group], Touched]:
    """The calls of a group with some of their input, if something holds of the group."""
    return lambda group: (
        Touched(group.calls, tokens(group), 0, tokens(group), examples(group)) if holds(group) else _NONE
    )


def _wasted(kind: str) -> Callable[[Group], Touched]:
    return _whole(lambda group: group.waste == kind)


_KNOWN_IN_PART: Final = _part(
    lambda group: group.is_known_in_part, lambda group: group.repeated_tokens, lambda group: group.most_repeated
)


def _embedded_again(group: Group) -> Touched:
    if not group.is_embedding:
        return _NONE
    return _all_of(group) if group.is_repeated else _KNOWN_IN_PART(group)


def _gone(state: State, group: Group, prices: Prices) -> State | None:  # noqa: ARG001  one signature for all
    return state.gone()


def _without_known_texts(state: State, group: Group, prices: Prices) -> State | None:  # noqa: ARG001  as above
    return state.gone() if group.is_repeated else state.moved([("input", "", group.repeated_tokens)])


def _unwritten(state: State, group: Group, prices: Prices) -> State | None:  # noqa: ARG001  as above
    return state.moved([("cache_write_5m", "input", group.unread_5m), ("cache_write_1h", "input", group.unread_1h)])


def _with_fewer(state: State, group: Group, prices: Prices) -> State | None:  # noqa: ARG001  as above
    return _shorter(state, zip(_GIVEN, repeat(""), group.surplus))


def _limited(state: State, group: Group, prices: Prices) -> State | None:  # noqa: ARG001  as above
    tokens = group.beyond_tokens_within if state.is_limited else group.beyond_tokens
    return _shorter(state, [("input", "", tokens)])


def _shorter(state: State, moves: Iterable[tuple[str, str, int]]) -> State | None:
    shorter = state.moved(moves)
    return shorter and replace(shorter, is_limited=True)


def _prefixed(state: State, group: Group, prices: Prices) -> State | None:  # noqa: ARG001  as above
    read = group.read_tokens_within if state.is_limited else group.read_tokens
    written = group.write_tokens_within if state.is_limited else group.write_tokens
    return state.moved([("input", "cache_read", read), ("input", "cache_write_5m", written)])


def _swapped(state: State, group: Group, prices: Prices) -> State | None:
    swap = prices.terms.swaps[group.swap - 1]
    key = state.key._replace(provider=swap.provider or state.key.provider, model=swap.other)
    return state.at(key, prices.lines(key, group), group)


def _deferred(state: State, group: Group, prices: Prices) -> State | None:
    if not state.used:
        return state.gone()
    key = state.key._replace(service_tier=prices.terms.tier)
    lines = prices.lines(key, group)
    before, after = state.priced(state.lines, group), state.priced(lines, group)
    if state.usd is None or before is None or after is None:
        return None
    saved = min(max(before - after, before - before), state.usd)
    return State(key, lines, state.used, state.usd - saved, state.is_limited)


def _hashed(tell: str) -> str:
    return f"Only calls that carry a hash of what they asked {tell}: with SPANMETER_HASH_KEY=off none does."


def _swap_assumption(terms: Terms) -> str:
    if not terms.swaps:
        return "No model is named: ask with swap=MODEL=OTHER. Whether another one answers well enough, no figure tells."
    named = "; ".join(map(str, terms.swaps))
    return f"{named}: the same tokens at the prices of that time. Another model may need other tokens and answer worse."


def _documents_assumption(terms: Terms) -> str:
    if not terms.top_k:
        return "No number of documents is named: ask with top_k=DOCUMENTS."
    return (
        f"Answers need no more than the first {terms.top_k:,} documents of each search. The others are taken for the "
        "share of a call's input that their bytes are of its prompt, at the prices that was billed at: those found "
        "since the call before in its trace, or left by the last reranking or filter among these, where the prompt is "
        f"long enough to hold them all. The answers stay as long. {_hashed('tell how long their prompt is')}"
    )


def _limit_assumption(terms: Terms) -> str:
    if not terms.input_limit:
        return "No limit is named: ask with input_limit=TOKENS."
    return (
        f"Prompts are cut to {terms.input_limit:,} input tokens, as by shorter documents or histories; "
        "what is cut is input at its full price, and the answers stay as long."
    )


def _batch_assumption(terms: Terms) -> str:
    return (
        f"Calls that nobody waits for go at the {terms.tier} tier's prices: those named by offline=DIM=VALUE, and "
        f"those with {OFFLINE_TAG}=true. Calls at a tier of their own stay there."
    )


PROPOSALS: Final = (
    Proposal(
        "failed_attempts",
        lambda _: "Attempts that failed and were billed do not happen, as with timeouts and limits that fit.",
        _wasted("failed"),
        _gone,
    ),
    Proposal(
        "aborted_streams",
        lambda _: (
            "Streams that were closed before their end are not begun, as far as what was billed of them is known."
        ),
        _wasted("aborted"),
        _gone,
    ),
    Proposal(
        "failed_parses",
        lambda _: (
            "The last answer before a step that could not parse it is right the first time, as with structured output."
        ),
        _wasted("unparsed"),
        _gone,
    ),
    Proposal(
        "unread_cache_writes",
        lambda _: (
            "Input that was written into the provider's cache and that no call of the same service and model read "
            "within 5 minutes, or an hour where that was paid, is sent as plain input. What storing costs by the hour, "
            "as with Gemini's caches, is in no figure."
        ),
        _part(
            lambda group: group.is_unread,
            lambda group: group.unread_5m + group.unread_1h,
            lambda group: group.most_unread,
        ),
        _unwritten,
    ),
    Proposal(
        "answer_cache",
        lambda terms: (
            f"One cache for all, emptied every {terms.ttl}, answers a request that is equal to one answered "
            "before it began: same model, messages, tools and parameters. The same answer has to do again. "
            f"{_hashed('are known to be equal')}"
        ),
        _whole(lambda group: bool(group.is_repeated) and not group.is_embedding),
        _gone,
    ),
    Proposal(
        "embedding_cache",
        lambda terms: (
            f"One cache for all, emptied every {terms.ttl}, keeps the vectors of equal requests; of other requests "
            "count the texts that the same process had embedded before, by their share of the length. "
            f"{_hashed('are known to be equal')}"
        ),
        _embedded_again,
        _without_known_texts,
    ),
    Proposal(
        "top_k",
        _documents_assumption,
        _part(lambda group: group.is_supplied, lambda group: sum(group.surplus), lambda group: group.most_supplied),
        _with_fewer,
    ),
    Proposal(
        "input_limit",
        _limit_assumption,
        _part(lambda group: group.is_beyond, lambda group: group.beyond_tokens, lambda group: group.furthest_beyond),
        _limited,
    ),
    Proposal(
        "prompt_cache",
        lambda _: (
            "The provider's cache keeps the beginning of a prompt for 5 minutes: beginnings of 4, 8, 16 … KiB that "
            "were asked within that time are read from it, from 1,024 tokens on in steps of 128, and written once at "
            "its price. Tokens are taken by their share of the length. What storing costs by the hour, as with "
            f"Gemini's caches, is in no figure. {_hashed('tell how their prompt begins')}"
        ),
        _part(lambda group: group.is_shared, lambda group: group.read_tokens, lambda group: group.most_shared),
        _prefixed,
    ),
    Proposal(
        "swap",
        _swap_assumption,
        _whole(lambda group: group.swap > 0),
        _swapped,
    ),
    Proposal(
        "batch",
        _batch_assumption,
        _whole(lambda group: bool(group.is_offline) and group.service_tier.lower() not in _OTHER_TIERS),
        _deferred,
    ),
)
GENERATIONS: Final = sorted(semconv.GENERATION_OPERATIONS)
