"""Applications drawn at random: trees of pieces of the three frameworks, and the smallest tree that still fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

MAX_DEPTH: Final = 4
MAX_PIECES: Final = 12

ASKS: Final = (
    "invoke",
    "chain",
    "batch",
    "generate",
    "choices",
    "structured",
    "cached",
    "completion",
    "embed query",
    "embed documents",
    "tool call",
    "sdk retry",
    "with retry",
    "with fallback",
    "messages of a graph",
    "events",
    "chat",
    "complete",
    "query",
    "retrieve",
    "embed batch",
    "structured predict",
    "structured model",
    "chat over langchain",
    "complete over langchain",
    "query over langchain",
    "chat engine",
    "predict and call",
)
"""Pieces that ask a provider and hold no others."""
STREAMS: Final = (
    "stream",
    "stream without usage",
    "stream of a chain",
    "stream of completions",
    "stream_chat",
    "stream_chat without usage",
    "stream_complete",
    "streaming query",
    "streaming query over langchain",
    "stream_chat over langchain",
    "stream_complete over langchain",
    "streaming chat engine",
)
"""Pieces that ask a provider, and run those they hold when they have read the first words."""
AROUND: Final = (
    "span",
    "lambda",
    "sequence",
    "parallel",
    "batch of lambdas",
    "retried lambda",
    "fallback of a lambda",
    "tool",
    "retriever",
    "model",
    "graph",
    "branches",
    "subgraph",
    "interrupted graph",
    "retried node",
    "conditional graph",
    "function tool",
    "node retriever",
    "custom engine",
    "custom model",
    "at once",
)
"""Pieces that do nothing but run those they hold."""
AROUND_STREAMED: Final = ("streamed lambda", "streamed graph", "streamed model", "streamed custom model")
ONLY_ASYNCHRONOUS: Final = ("workflow", "spreading workflow", "timeout", "in a thread")
READINGS: Final = ("all", "all", "all", "closed", "dropped", "never")
FAILURES: Final = (429, 500, 400, -1, -2)
"""Statuses; -1 breaks the connection off within the answer, -2 tells of an error within a stream."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an application, and those that run inside it.

    `reading` is how far its stream is read, `fails` what its first requests are answered with, 0 for a good answer.
    A `guarded` one's errors are caught around it.
    """

    kind: str
    asynchronous: bool = False
    reading: str = "all"
    fails: tuple[int, ...] = ()
    guarded: bool = False
    inside: tuple[Piece, ...] = ()

    def size(self) -> int:
        return 1 + sum(piece.size() for piece in self.inside)


def drawn(seed: int) -> tuple[Piece, ...]:
    """Draw an application; the same of the same seed."""
    return _Drawing(Random(seed)).program()


@dataclass(slots=True)
class _Drawing:
    random: Random
    left: int = field(default=0)

    def program(self) -> tuple[Piece, ...]:
        self.left = self.random.randint(2, MAX_PIECES)
        return self.pieces(0, asynchronous=True)

    def pieces(self, depth: int, *, asynchronous: bool) -> tuple[Piece, ...]:
        return tuple(
            self.piece(depth, asynchronous=asynchronous)
            for _ in range(self.random.choice((1, 1, 2, 2, 3)))
            if self.take()
        )

    def take(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def piece(self, depth: int, *, asynchronous: bool) -> Piece:
        random = self.random
        awaited = asynchronous and random.random() < 0.65
        kinds = self.kinds(depth, awaited=awaited)
        kind = random.choice(kinds)
        inside: tuple[Piece, ...] = ()
        if kind not in ASKS and (kind not in STREAMS or random.random() < 0.3):
            inside = self.pieces(depth + 1, asynchronous=awaited and kind != "in a thread")
        fails = tuple(random.choice((0, *FAILURES)) for _ in range(random.choice((1, 1, 2)))) if self.fails() else ()
        return Piece(kind, awaited, random.choice(READINGS), fails, random.random() < 0.4, inside)

    def fails(self) -> bool:
        return self.random.random() < 0.25

    def kinds(self, depth: int, *, awaited: bool) -> tuple[str, ...]:
        if depth >= MAX_DEPTH or self.left <= 0 or self.random.random() < 0.15 * depth:
            return self.random.choice((ASKS, STREAMS))
        wide = (AROUND, AROUND, AROUND_STREAMED, ONLY_ASYNCHRONOUS if awaited else AROUND)
        return self.random.choice((*wide, ASKS, STREAMS))


def smaller(program: tuple[Piece, ...]) -> Iterator[tuple[Piece, ...]]:
    """Yield every application one step simpler, those that lose most first."""
    for at, piece in enumerate(program):
        before, after = program[:at], program[at + 1 :]
        if before or after:
            yield (*before, *after)
        if piece.inside:
            yield (*before, *piece.inside, *after)
        yield from ((*before, replace(piece, inside=fewer), *after) for fewer in _fewer(piece))
        yield from ((*before, simpler, *after) for simpler in _simpler(piece))


def _fewer(piece: Piece) -> Iterator[tuple[Piece, ...]]:
    if piece.inside:
        yield ()
        yield from smaller(piece.inside)


def _simpler(piece: Piece) -> Iterator[Piece]:
    if piece.fails:
        yield replace(piece, fails=())
        yield replace(piece, fails=piece.fails[:-1])
    if piece.reading != "all":
        yield replace(piece, reading="all")
    if piece.guarded:
        yield replace(piece, guarded=False)
