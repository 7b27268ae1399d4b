"""What a way of answering gives back, and what every way offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

Mode = Literal["sync", "async", "stream"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, slots=True)
class Source:
    """A passage an answer rests on, and how well it fitted the question (cosine, 1 is best)."""

    id: str
    title: str
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and what it rests on, the best source first."""

    text: str
    sources: tuple[Source, ...]


class Way(Protocol):
    """One way to answer a question, in each of the three modes an application may choose."""

    model: str

    def ask(self, question: str) -> Answer:
        """Answer in the calling thread."""
        ...

    async def ask_async(self, question: str) -> Answer:
        """Answer without blocking the event loop."""
        ...

    async def ask_streaming(self, question: str) -> Answer:
        """Answer from a stream, put together."""
        ...
