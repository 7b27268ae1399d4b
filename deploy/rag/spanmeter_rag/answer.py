"""What a way of answering gives back, and what every way offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

Mode = Literal["sync", "async", "stream"]
WAYS = ("langchain", "llama_index", "mixed", "langgraph")
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, slots=True)
class Source:
    """A passage an answer rests on, and how well it fits the question (cosine, 1 is best)."""

    id: str
    title: str
    text: str
    score: float


Sources = tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and what it rests on, the best source first."""

    text: str
    sources: Sources


def as_context(sources: Sources) -> str:
    """Return the passages as a model reads them."""
    return "\n\n".join(f"[{source.title}]\n\n{source.text}" for source in sources)


class Way(Protocol):
    """One way to answer a question, in each of the three modes an application may choose."""

    def ask(self, question: str) -> Answer:
        """Answer in the calling thread."""
        ...

    async def ask_async(self, question: str) -> Answer:
        """Answer without blocking the event loop."""
        ...

    async def ask_streaming(self, question: str) -> Answer:
        """Answer from a stream, put together."""
        ...
