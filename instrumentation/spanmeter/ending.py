"""How a call ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from spanmeter import semconv
from spanmeter.answer import Answer
from spanmeter.opening import Attributes, Opening


class Ending(NamedTuple):
    """What ended a call, when and with which answer; `error_type` is empty unless it failed."""

    answer: Answer
    how: Literal["stopped", "failed", "cancelled"]
    duration_s: float
    error_type: str = ""


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
