"""Reads what LangChain tells at the end of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from langchain_core.documents import Document
from langchain_core.messages import ToolMessage
from langchain_core.outputs import LLMResult

from spanmeter import semconv
from spanmeter.answer import Answer, billed_apart, counted
from spanmeter.capture import captures_content
from spanmeter.content.content import Quote
from spanmeter.documents import document_attributes
from spanmeter.langchain import quote
from spanmeter.langchain.cached import is_cached, maker_of
from spanmeter.langchain.generated import reader
from spanmeter.opening import AttributeValue
from spanmeter.pricing import Usage
from spanmeter.pricing.metadata import read_metadata
from spanmeter.pricing.reading import Reading, read
from spanmeter.pricing.reported import read_region, read_reported_usd, read_service_tier
from spanmeter.pricing.tools import tools_run, with_tools
from spanmeter.receipt import NO_USAGE
from spanmeter.tool_calls import tools_told

_Said = Mapping[str, Any]
_NOTHING: Final[_Said] = {}
_SCORES: Final = dict.fromkeys(("relevance_score", "score", "_score"))
"""In this order."""


def model_answer(result: LLMResult, *, run_id: UUID, provider: str, told: Mapping[str, Any] = _NOTHING) -> Answer:
    """Read a model's result; `told` is the usage as the provider wrote it, where that is known. Never raises."""
    return model_reader(result, run_id=run_id, provider=provider, told=told).read()


class Later(NamedTuple):
    """Reads a model's result as `model_answer` does, also later, when others have got hold of the message.

    What it says has to be read before others get hold of it where it `tells_usage` not, for an estimate of it.
    """

    given: _Given
    provider: str
    told: _Said

    @property
    def tells_usage(self) -> bool:
        """Whether the result holds a count above zero."""
        return self.given.tells_usage

    def read(self) -> Answer:
        """Read it."""
        return _read(self.given, self.provider, self.told)


def model_reader(result: LLMResult, *, run_id: UUID, provider: str, told: Mapping[str, Any] = _NOTHING) -> Later:
    """Take from a model's result what an answer is read from.

    Usage stands on each of several generations of one request, so the first alone is read.
    """
    prompts = result.generations
    generations = prompts[0] if prompts else []
    message = getattr(generations[0], "message", None) if generations else None
    said = _kept(getattr(message, "response_metadata", None), "token_usage", "usage")
    metered = _kept(getattr(message, "usage_metadata", None), "input_token_details", "output_token_details")
    output = _kept(result.llm_output, "token_usage")
    tells_usage = bool(metered.get("output_tokens")) or any(map(_is_counted, (metered, told, _raw(said, output))))
    given = _Given(
        generations,
        tells_usage,
        getattr(message, "id", None),
        _finish_reasons(generations),
        said,
        metered,
        output,
        _blocks(message),
        is_cached(message, run_id=run_id),
        quote.answered(generations) if captures_content() else None,
    )
    return Later(given, provider, told)


class _Given(NamedTuple):
    """What a result holds at its end: applications and LangChain's caches may change the message afterwards."""

    generations: Sequence[Any]
    tells_usage: bool
    message_id: object
    finish_reasons: tuple[str, ...]
    said: _Said
    metered: _Said
    output: _Said
    blocks: object
    cached: bool
    quote: Quote | None


def _read(given: _Given, provider: str, told: _Said) -> Answer:
    said, output = given.said, given.output
    raw = told or _raw(said, output)
    reading = _reading(given.metered, said, raw, told, provider)
    model = _once(_word(said.get("model_name") or said.get("model") or output.get("model_name")))
    if reading and (beside := _beside(given, model)):
        reading = with_tools(reading, tools_run(beside, _NOTHING, model=model))
    message_id = _word(given.message_id)
    answer = Answer(
        usage=reading.usage if reading else None,
        model=model,
        response_id=_word(said.get("id") or output.get("id")) or ("" if maker_of(message_id) else message_id),
        finish_reasons=given.finish_reasons,
        reported_usd=read_reported_usd(raw if "cost" not in said else {**said, **raw}, provider=provider),
        cache_hit=given.cached,
        service_tier=_once(_word(said.get("service_tier"))) or read_service_tier(raw),
        text=reader(given.generations) if given.tells_usage else _text(given),
        quote=given.quote,
        usage_notes=reading.notes if reading else (),
        parts=reading.parts if reading and billed_apart(reading.parts) else (),
        region=read_region(raw, _mapping(said.get("usage"))),
    )
    return counted(answer)


def _raw(said: _Said, output: _Said) -> _Said:
    return _mapping(said.get("token_usage") or said.get("token_count") or output.get("token_usage"))


def _is_counted(told: object) -> bool:
    """Whether there is a count above zero, at any depth: others are no usage, and what was said has to be counted."""
    if isinstance(told, int | float):  # first, for asking an abstract class takes longer
        return told > 0
    return isinstance(told, Mapping) and any(map(_is_counted, told.values()))


def _text(given: _Given) -> Callable[[], str]:
    """What was said, read now: it is counted later."""
    said = reader(given.generations)()
    return lambda: said


def retrieved(documents: Sequence[Document]) -> Answer:
    """Read how many documents a retriever found, how long, and the best score, where the retriever leaves one."""
    found = document_attributes([document.page_content for document in documents])
    scores = [score for document in documents if (score := _score(document.metadata)) is not None]
    if scores:
        found[semconv.TOP_SCORE] = max(scores)
    return Answer(attributes=found, quote=quote.found(documents) if captures_content() else None)


def tool_answered(output: Any) -> Answer:  # noqa: ANN401  a tool answers with anything
    """Read which tool call was answered, which langchain-core tells only from 1.0 on when it starts."""
    call_id = output.tool_call_id if isinstance(output, ToolMessage) else ""
    attributes: dict[str, AttributeValue] = {semconv.TOOL_CALL_ID: call_id} if call_id else {}
    return Answer(attributes=attributes, quote=quote.tool_answered(output) if captures_content() else None)


def _reading(metered: _Said, said: _Said, raw: _Said, told: _Said, provider: str) -> Reading | None:
    """What the provider wrote says most, then what LangChain made of it, then what it left in the metadata.

    Clients that LangChain's makers do not write (Mistral's) drop the cache, but keep the provider's own words beside.
    """
    if told and (reading := read(told, provider=provider)).usage != NO_USAGE:
        return reading
    if "input_tokens" not in metered:
        return read(raw, provider=provider) if raw else None
    reading = read_metadata(metered, said)
    if raw and not metered.get("input_token_details") and not metered.get("output_token_details"):
        detailed = read(raw, provider=provider)
        if _wholes(detailed.usage) == _wholes(reading.usage):
            return detailed
    return reading


def _blocks(message: object) -> object:
    """Where langchain-openai keeps the calls of OpenAI's own tools: once beside the text, now among it."""
    outputs = _mapping(getattr(message, "additional_kwargs", None)).get("tool_outputs")
    blocks = outputs or getattr(message, "content", None)
    return blocks[:] if type(blocks) is list else None


def _beside(given: _Given, model: str) -> _Said:
    """What a response says of tools outside of its usage; empty for most of them."""
    beside = tools_told({"output": given.blocks}) if given.blocks else _NOTHING
    if grounding := given.said.get("grounding_metadata"):
        return {**beside, "grounding_metadata": grounding}
    return beside or (given.said if "search-preview" in model else _NOTHING)


def _wholes(usage: Usage) -> tuple[int, int]:
    return usage.input_tokens, usage.output_tokens


def _kept(value: object, *inner: str) -> _Said:
    """A copy of what a message holds, and of what is `inner`: applications add up usage in place."""
    given = _mapping(value)
    if not given:
        return _NOTHING
    kept = dict(given)
    for key in inner:
        held = kept.get(key)
        if type(held) is dict:
            kept[key] = held.copy()
    return kept


def _mapping(value: object) -> _Said:
    return value if type(value) is dict or isinstance(value, Mapping) else _NOTHING


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _once(word: str) -> str:
    """Undo what the merging of a stream's chunks does to a word that several of them bring: stopstop."""
    return word[: (word + word).find(word, 1)] if word else word


def _finish_reasons(generations: Iterable[Any]) -> tuple[str, ...]:
    reasons = []
    for generation in generations:
        said = _mapping(getattr(getattr(generation, "message", None), "response_metadata", None))
        reason = said.get("finish_reason") or said.get("stop_reason") or _noted(generation)
        if isinstance(reason, str) and reason:
            reasons.append(_once(reason))
    return tuple(reasons)


def _noted(generation: object) -> object:
    return _mapping(getattr(generation, "generation_info", None)).get("finish_reason")


def _score(metadata: Mapping[str, Any]) -> float | None:
    if _SCORES.keys().isdisjoint(metadata):
        return None
    score = next(metadata[key] for key in _SCORES if key in metadata)
    return float(score) if isinstance(score, int | float) else None
