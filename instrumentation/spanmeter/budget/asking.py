"""What is known of a request just before it is made, as far as budgets care."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Asking:
    """A request that is about to be made to a provider.

    `size` counts the bytes of its texts in UTF-8, `messages` its messages; `output` is the most tokens that its answer
    may have, None where nobody says. It is `firm` when the application itself set it. `request` is what calls of one
    request have in common.
    """

    operation: str
    provider: str
    model: str
    region: str
    size: int
    messages: int = 1
    output: int | None = None
    firm: bool = False
    request: object = None
