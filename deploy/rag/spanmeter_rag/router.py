"""Routing: a small model says whether a question needs a large one."""

from __future__ import annotations

from typing import Final

from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import Runnable

import spanmeter
from spanmeter_rag.effects import note
from spanmeter_rag.patience import PROVIDER_ERRORS, Patience, Patient
from spanmeter_rag.prompts import ROUTE

SMALL: Final = "langchain"
LARGE: Final = "mixed"
"""The ways that answer simple and hard questions."""
_HARD: Final = "hard"


class Router:
    """Chooses a way; without a model, or when it fails, the small one. Its calls carry the tag `step=routing`."""

    def __init__(self, model: BaseChatModel | None, patience: Patience) -> None:
        self._chain: Runnable[dict[str, str], str] | None = None
        if model is not None:
            self._chain = ROUTE | Patient(model, patience) | StrOutputParser()

    async def choose(self, question: str) -> str:
        """Return the way that answers a question."""
        if self._chain is None:
            return SMALL
        try:
            word = await _ask(self._chain, question)
        except PROVIDER_ERRORS:
            return SMALL
        if _HARD in word.lower():
            return LARGE
        note("routing")
        return SMALL


@spanmeter.track("route")
async def _ask(chain: Runnable[dict[str, str], str], question: str) -> str:
    with spanmeter.context(step="routing"):
        return await chain.ainvoke({"question": question})
