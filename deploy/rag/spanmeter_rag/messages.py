"""What the service is asked and what it replies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from spanmeter_rag.answer import Mode, Sources

_Label = Annotated[str, Field(max_length=200)]
_EXCERPT = 300


class Query(BaseModel):
    """What is asked, how it is to be answered, and for whom; `auto` leaves the way to the router."""

    question: Annotated[str, Field(min_length=1, max_length=2000)]
    way: Literal["auto", "langchain", "llama_index", "mixed", "langgraph"] = "langchain"
    mode: Mode = "async"
    user: _Label | None = None
    session: _Label | None = None
    tenant: _Label | None = None


class Cited(BaseModel):
    """A passage the answer rests on, and how it begins."""

    id: str
    title: str
    score: float
    excerpt: str


class Reply(BaseModel):
    """An answer, what it rests on, and the trace that shows what it cost.

    A `degraded` one is no model's: `reason` says why, `model` is empty, and the sources were found by words alone.
    `effects` tells what the service's settings did for this question, see /metrics.
    """

    answer: str
    sources: list[Cited]
    trace_id: str
    request_id: str
    way: str
    mode: str
    model: str
    degraded: bool
    reason: str
    effects: dict[str, dict[str, float]]


def cited(sources: Sources) -> list[Cited]:
    """Return sources as a reply shows them."""
    return [
        Cited(id=source.id, title=source.title, score=round(source.score, 4), excerpt=source.text[:_EXCERPT])
        for source in sources
    ]
