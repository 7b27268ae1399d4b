"""The shapes of the API's answer about savings.

Money is a decimal string without exponent, unknown is null, times are RFC 3339 in UTC.
"""

from __future__ import annotations

from spanmeter_collector.answers import Answer


class CallAnswer(Answer):
    """One of the calls behind a figure, and what it cost; null where that is not known."""

    trace_id: str
    span_id: str
    usd: str | None


class ProposalAnswer(Answer):
    """What one change would have saved, on which assumption, and the calls behind it.

    `alone_usd` is what it saves by itself, `saved_usd` what it still saves after all proposals before it: these add up.
    Tokens are those that would not have been billed, or not at that price. `unpriced_calls` are those of the calls of
    which no saving is known; both amounts are null if that is so of all.
    """

    name: str
    assumption: str
    calls: int
    unpriced_calls: int
    input_tokens: int
    output_tokens: int
    alone_usd: str | None
    saved_usd: str | None
    examples: list[CallAnswer]


class SavingsAnswer(Answer):
    """What the calls of a period cost, what proposals would have saved of that, in the order in which they count.

    `saved_usd` is the sum over the proposals, never more than `spend_usd`. `compared_calls` carry a hash of what they
    asked: only they can be known to have been asked before.
    """

    proposals: list[ProposalAnswer]
    calls: int
    unpriced_calls: int
    compared_calls: int
    spend_usd: str
    saved_usd: str
    since: str
    until: str
