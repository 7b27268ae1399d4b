"""What is about to be sent to a provider, as far as budgets care."""

from __future__ import annotations

from typing import NamedTuple

from spanmeter.budget.size import NO_LIMIT, OutputLimit


class Sent(NamedTuple):
    """The bytes of a request's texts in UTF-8, in how many messages, and the limit on its answer."""

    size: int
    messages: int
    limit: OutputLimit = NO_LIMIT
