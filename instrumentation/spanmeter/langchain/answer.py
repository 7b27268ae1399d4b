"""Reads what LangChain tells at the end of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from langchain_core.documents import Document
from langchain_core.messages import ToolMessage
from langchain_core.outputs import LLMResult

from spanmeter import semconv
from spanmeter.answer import Answer
from spanmeter.langchain.cached import is_cached, maker_of
from spanmeter.opening import AttributeValue
from spanmeter.pricing import Usage, read_usage, read_usage_metadata
from spanmeter.pricing.reported import read_reported_usd

_SCORES: Final = ("relevance_score", "score", "_score")


def model_answer(result: LLMResult, *, run_id: UUID, provider: str) -> Answer:
    """Read a model's result.

    Usage stands on each of several generations of one request, so the first alone is read.
    """
    prompts = result.generations
    generations = prompts[0] if prompts else []
    first = generations[0] if generations else None
    message = getattr(first, "message", None)
    said: Mapping[str, Any] = getattr(message, "response_metadata", None) or {}
    output: Mapping[str, Any] = result.llm_output or {}
    metered: Mapping[str, Any] = getattr(message, "usage_metadata", None) or {}
    raw: Mapping[str, Any] = said.get("token_usage") or output.get("token_usage") or {}
    message_id = getattr(message, "id", None) or ""
    return Answer(
        usage=_usage(metered, said, raw, provider),
        model=str(said.get("model_name") or said.get("model") or output.get("model_name") or ""),
        response_id=str(said.get("id") or output.get("id") or ("" if maker_of(message_id) else message_id)),
        finish_reasons=tuple(_finish_reasons(generations)),
        reported_usd=read_reported_usd(raw) if raw else None,
        cache_hit=is_cached(message, run_id=run_id),
        service_tier=str(said.get("service_tier") or ""),
    )


def documents_found(documents: Sequence[Document]) -> dict[str, AttributeValue]:
    """Read how many documents a retriever found and the best score, where the retriever leaves one."""
    found: dict[str, AttributeValue] = {semconv.DOCUMENT_COUNT: len(documents)}
    scores = [score for document in documents if (score := _score(document.metadata)) is not None]
    if scores:
        found[semconv.TOP_SCORE] = max(scores)
    return found


def tool_answered(output: Any) -> dict[str, AttributeValue]:  # noqa: ANN401  a tool answers with anything
    """Read which tool call was answered, which langchain-core tells only from 1.0 on when it starts."""
    call_id = output.tool_call_id if isinstance(output, ToolMessage) else ""
    return {semconv.TOOL_CALL_ID: call_id} if call_id else {}


def _usage(metered: Mapping[str, Any], said: Mapping[str, Any], raw: Mapping[str, Any], provider: str) -> Usage | None:
    if "input_tokens" in metered:
        return read_usage_metadata(metered, said)
    return read_usage(raw, provider=provider) if raw else None


def _finish_reasons(generations: Iterable[Any]) -> Iterable[str]:
    for generation in generations:
        said = getattr(getattr(generation, "message", None), "response_metadata", None) or {}
        noted = generation.generation_info or {}
        reason = said.get("finish_reason") or said.get("stop_reason") or noted.get("finish_reason")
        if reason:
            yield str(reason)


def _score(metadata: Mapping[str, Any]) -> float | None:
    score = next((metadata[key] for key in _SCORES if key in metadata), None)
    return float(score) if isinstance(score, int | float) else None
