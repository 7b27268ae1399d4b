"""What is known when a call ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

from spanmeter import semconv
from spanmeter.opening import Attributes, AttributeValue
from spanmeter.pricing import Amount, Cost, Usage
from spanmeter.pricing.reading import Part


@dataclass(slots=True, unsafe_hash=True)  # not frozen: making one would take three times as long
class Answer:
    """What the end of a call tells.

    `usage` None means that nobody reported any, `cache_hit` that the application's own cache answered. `usage_notes`
    has a sentence for each contradiction in the usage. `text` reads what was generated (content, arguments of tool
    calls, visible reasoning); it is called only when the usage has to be estimated, later and in another thread.
    `requests` says how many provider requests answered where that is not one, such as none of its own for the second
    of several prompts that were sent together. `parts` are what is billed apart where that is not the usage as a whole:
    each has a model and tiers of its own. `region` is where the provider says that it served, if that has prices of
    its own. `quote` reads what goes onto the span where content is captured, as that of an `Opening`.
    """

    usage: Usage | None = None
    model: str = ""
    response_id: str = ""
    finish_reasons: tuple[str, ...] = ()
    reported_usd: Decimal | None = None
    cache_hit: bool = False
    estimated: bool = False
    service_tier: str = ""
    attributes: Attributes = field(default_factory=dict)
    text: Callable[[], str] | None = field(default=None, compare=False, repr=False)
    quote: Callable[[], Mapping[str, Any]] | None = field(default=None, compare=False, repr=False)
    usage_notes: tuple[str, ...] = ()
    requests: int | None = None
    parts: tuple[Part, ...] = ()
    region: str = ""


NO_ANSWER: Final = Answer()
ALL_ZERO: Final = "all counts are zero, and no call is answered without a token"
_STANDARD_KEYS: Final = {"cache_read": semconv.CACHE_READ_TOKENS, "reasoning": semconv.REASONING_TOKENS}
_OWN_BUCKETS: Final = tuple(
    bucket.name for bucket in fields(Usage) if bucket.name not in {"input", "output", *_STANDARD_KEYS}
)
_OWN_KEYS: Final = tuple(semconv.USAGE_PREFIX + bucket for bucket in _OWN_BUCKETS)
_NOTHING: Final = Usage()
_own_counts: Final = attrgetter(*_OWN_BUCKETS)


def answer_attributes(answer: Answer) -> dict[str, AttributeValue]:
    """Spell what the provider told as span attributes."""
    attributes: dict[str, AttributeValue] = {**answer.attributes}
    if answer.model:
        attributes[semconv.RESPONSE_MODEL] = answer.model
    if answer.response_id:
        attributes[semconv.RESPONSE_ID] = answer.response_id
    if answer.finish_reasons:
        attributes[semconv.FINISH_REASONS] = answer.finish_reasons
    if answer.service_tier:
        attributes[semconv.OPENAI_SERVICE_TIER] = answer.service_tier
    if answer.usage_notes:
        attributes[semconv.USAGE_NOTES] = answer.usage_notes
    if answer.region:
        attributes[semconv.PRICE_REGION] = answer.region
    if answer.parts and answer.usage is not None and billed_apart(answer.parts):
        attributes[semconv.USAGE_PARTS] = parts_text(answer.parts)
    return attributes


def billed_apart(parts: Sequence[Part]) -> bool:
    """Whether parts say more than the usage of the call: they are several, or of another model."""
    return len(parts) > 1 or any(part.model for part in parts)


def parts_text(parts: Iterable[Part]) -> str:
    """Spell parts as one attribute: a JSON list with the filled buckets of each part, and its model if it has one."""
    told = [{**({"model": part.model} if part.model else {}), **dict(part.usage.filled())} for part in parts]
    return json.dumps(told, separators=(",", ":"))


def usage_attributes(usage: Usage, *, estimated: bool) -> dict[str, AttributeValue]:
    """Spell token buckets as span attributes: the standard keys include their parts, ours are disjoint."""
    attributes: dict[str, AttributeValue] = {
        semconv.INPUT_TOKENS: usage.input_tokens,
        semconv.OUTPUT_TOKENS: usage.output_tokens,
        semconv.USAGE_GRADE: "estimated" if estimated else "reported",
    }
    if usage.cache_read:
        attributes[semconv.CACHE_READ_TOKENS] = usage.cache_read
    if usage.reasoning:
        attributes[semconv.REASONING_TOKENS] = usage.reasoning
    if written := usage.cache_write_5m + usage.cache_write_1h:
        attributes[semconv.CACHE_CREATION_TOKENS] = written
    if any(counts := _own_counts(usage)):
        attributes |= {key: count for key, count in zip(_OWN_KEYS, counts, strict=True) if count}
    return attributes


def cost_attributes(cost: Amount | Cost, reported_usd: Decimal | None) -> dict[str, AttributeValue]:
    """Spell a cost as span attributes; money is a decimal string."""
    attributes: dict[str, AttributeValue] = {semconv.COST_GRADE: cost.grade}
    if cost.usd is not None:
        attributes[semconv.COST_USD] = format(cost.usd, "f")
    if reported_usd is not None:
        attributes[semconv.REPORTED_COST_USD] = format(reported_usd, "f")
    return attributes


def counted(answer: Answer) -> Answer:
    """The answer without a usage whose counts are all zero: its prompt alone has tokens, so that nobody counted them.

    Where the provider told what it charged, nothing may be what it counted of an answer that was free.
    """
    usage = answer.usage
    if usage is None or usage.input or usage.output or usage != _NOTHING:
        return answer
    if answer.reported_usd is not None or answer.cache_hit:
        return answer
    return replace(answer, usage=None, parts=(), usage_notes=(*answer.usage_notes, ALL_ZERO))


def combined(answer: Answer, reports: Sequence[Answer]) -> Answer:
    """Fill what an answer lacks from the reports of the provider requests below it."""
    if not reports or answer.usage is not None:
        return answer
    usages = [report.usage for report in reports if report.usage is not None]
    total = Usage(**{bucket.name: sum(getattr(usage, bucket.name) for usage in usages) for bucket in fields(Usage)})
    last = reports[-1]
    model = answer.model or last.model
    return replace(
        answer,
        usage=total if usages else None,
        model=model,
        response_id=answer.response_id or (last.response_id if len(reports) == 1 else ""),
        service_tier=answer.service_tier or last.service_tier,
        usage_notes=(*answer.usage_notes, *(note for report in reports for note in report.usage_notes)),
        parts=_parts(reports, model),
        region=answer.region or last.region,
    )


def _parts(reports: Sequence[Answer], model: str) -> tuple[Part, ...]:
    """What the requests consumed, told apart if one of them is billed by parts or several models answered."""
    models = {report.model for report in reports if report.model}
    if len(models) < 2 and not any(report.parts for report in reports):
        return ()
    parts = [(part, report.model) for report in reports for part in _parts_of(report)]
    return tuple(Part(part.usage, part.model or ("" if own == model else own)) for part, own in parts)


def _parts_of(report: Answer) -> Sequence[Part]:
    if report.parts or report.usage is None:
        return report.parts
    return (Part(report.usage),)
