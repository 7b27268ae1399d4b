"""The models the local provider offers, under the names and dated releases OpenAI gives them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["chat", "embeddings"]


@dataclass(frozen=True, slots=True)
class Model:
    """One model: what a request calls it, what a response calls it, and how fast it is at real pace."""

    name: str
    release: str
    kind: Kind
    first_token_s: float
    tokens_per_s: float = 1.0
    reasoning: bool = False


_OFFERED = (
    Model("gpt-4o-mini", "gpt-4o-mini-2024-07-18", "chat", 0.45, 90.0),
    Model("gpt-4o", "gpt-4o-2024-08-06", "chat", 0.60, 70.0),
    Model("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "chat", 0.50, 80.0),
    Model("gpt-4.1-nano", "gpt-4.1-nano-2025-04-14", "chat", 0.30, 140.0),
    Model("gpt-5-mini", "gpt-5-mini-2025-08-07", "chat", 0.70, 110.0, reasoning=True),
    Model("text-embedding-3-small", "text-embedding-3-small", "embeddings", 0.20),
)

MODELS = MappingProxyType({model.name: model for model in _OFFERED})
