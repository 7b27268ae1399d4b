"""Known gaps: what senders do not tell of calls, so that no ledger made of their spans can have it.

Each says what is left of an answer in what the sender tells. The ledger has to hold exactly that, so a sender that
tells more one day, or less, fails the comparison as one without gaps does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from counting import Account, Answered, account_of


@dataclass(frozen=True, slots=True)
class Gap:
    """What a sender leaves out, in words, and what it tells of one answer; None where it tells nothing."""

    words: str
    told: Callable[[Answered], Answered | None]


def account_told(gap: Gap, answers: Iterable[Answered]) -> Account:
    """What a ledger can have of answers: calls, input tokens, output tokens, cost."""
    return account_of([told for answered in answers if (told := gap.told(answered))])


def _is_embedding(answered: Answered) -> bool:
    return answered.model.startswith("text-embedding")


NOTHING: Final = Gap("nothing is left out", lambda answered: answered)
EMBEDDINGS_WITHOUT_USAGE: Final = Gap(
    "embeddings are told without usage",
    lambda answered: replace(answered, fresh=0) if _is_embedding(answered) else answered,
)
NO_EMBEDDINGS: Final = Gap("embeddings are not told", lambda answered: None if _is_embedding(answered) else answered)
CACHED_AS_FRESH: Final = Gap(
    "what came from the provider's cache is told as plain input",
    lambda answered: replace(answered, fresh=answered.fresh + answered.read, read=0),
)
GAPS: Final[Mapping[str, Mapping[str, Gap]]] = {
    "Traceloop": dict.fromkeys(
        ("LlamaIndex, query", "LlamaIndex, async query", "LangChain around LlamaIndex"), EMBEDDINGS_WITHOUT_USAGE
    ),
    "Logfire, Pydantic AI only": {"embedder": NO_EMBEDDINGS},
    "MLflow": {"client, embeddings": EMBEDDINGS_WITHOUT_USAGE},
    "OpenAI Agents": dict.fromkeys(("agent", "agent, stream"), CACHED_AS_FRESH),
}
"""By sender and scenario."""
