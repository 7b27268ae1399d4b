"""How a call ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from spanmeter import semconv
from spanmeter.answer import Answer, answer_attributes, cost_attributes, usage_attributes
from spanmeter.opening import Attributes, AttributeValue, Opening
from spanmeter.pricing import Amount, Cost
from spanmeter.receipt import NO_USAGE, Receipt

How = Literal["stopped", "failed", "cancelled"]


class Ending(NamedTuple):
    """What ended a call and with which answer; `error_type` is empty unless it failed.

    `at_ns` counts nanoseconds since 1970.
    """

    answer: Answer
    how: How
    duration_s: float
    at_ns: int
    error_type: str = ""

    def attributes(
        self, first_chunk_s: float | None, *, cost: Amount | Cost | None = None, wrapper: bool = False
    ) -> dict[str, AttributeValue]:
        """Spell what is known at the end as span attributes."""
        answer = self.answer
        attributes = answer_attributes(answer)
        if wrapper:
            attributes[semconv.WRAPPER] = True
        elif answer.cache_hit:
            attributes[semconv.CACHE_HIT] = True
        if first_chunk_s is not None:
            attributes[semconv.REQUEST_STREAM] = True
            attributes[semconv.TIME_TO_FIRST_CHUNK] = first_chunk_s
        if answer.usage is not None:
            attributes |= usage_attributes(answer.usage, estimated=answer.estimated)
        if cost is not None:
            attributes |= cost_attributes(cost, answer.reported_usd)
        return attributes

    def receipt(
        self, opening: Opening, cost: Amount | Cost | None, *, calls: int, first_chunk_s: float | None
    ) -> Receipt:
        """What a counted call came to; `calls` are the requests that were answered."""
        answer = self.answer
        return Receipt(
            framework=opening.framework,
            operation=opening.operation,
            provider=opening.provider,
            model=answer.model or opening.model,
            request_model=opening.model,
            duration_s=self.duration_s,
            calls=calls,
            failed_calls=int(bool(self.error_type)),
            cache_hits=int(answer.cache_hit),
            usage=answer.usage or NO_USAGE,
            cost_usd=cost.usd if cost else None,
            time_to_first_chunk_s=first_chunk_s,
            error_type=self.error_type,
            usage_contradictions=int(bool(answer.usage_notes)),
        )


def estimated(ending: Ending, *, opening: Opening, heard: Sequence[str] | None) -> Ending:
    """The same ending with the usage counted on this machine, where there is a prompt to count.

    What a stream said before it broke off is its answer where nothing else is known of it.
    """
    from spanmeter.estimate import estimate  # noqa: PLC0415  few applications need it, and it takes time to import

    answer = ending.answer
    found = estimate(
        provider=opening.provider,
        model=answer.model or opening.model,
        prompt=() if opening.prompt is None else opening.prompt(),
        answer=answer.text() if answer.text is not None else "".join(heard or ()),
        operation=opening.operation,
    )
    how: Attributes = {semconv.USAGE_METHOD: found.method, semconv.USAGE_ERROR_BAND: found.error_band}
    attributes = {**answer.attributes, **how}
    return ending._replace(answer=replace(answer, usage=found.usage, estimated=True, attributes=attributes))
