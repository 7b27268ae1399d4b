"""A LangChain expression: search, then a prompt, a model and a parser.

With a search by LangChain it is the `langchain` way, with one by LlamaIndex the `mixed` way.
"""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel, RunnablePassthrough

from spanmeter_rag.answer import Answer, as_context
from spanmeter_rag.indexes import SectionsRetriever, as_sources
from spanmeter_rag.patience import Patience, Patient
from spanmeter_rag.prompts import ANSWER
from spanmeter_rag.stores import Search


class Chain:
    """Answers by one expression from question to text."""

    def __init__(self, search: Search, model: BaseChatModel, *, name: str, patience: Patience) -> None:
        found = RunnableParallel(question=RunnablePassthrough(), sources=search)
        context = RunnableLambda(_context)
        text = ANSWER | Patient(model, patience) | StrOutputParser()
        steps = found | RunnablePassthrough.assign(context=context) | RunnablePassthrough.assign(text=text)
        self._chain: Runnable[str, dict[str, Any]] = steps.with_config(run_name=name)

    def ask(self, question: str) -> Answer:
        """Answer in the calling thread."""
        return _answer(self._chain.invoke(question))

    async def ask_async(self, question: str) -> Answer:
        """Answer without blocking the event loop."""
        return _answer(await self._chain.ainvoke(question))

    async def ask_streaming(self, question: str) -> Answer:
        """Answer from a stream, put together."""
        parts = [part async for part in self._chain.astream(question)]
        sources = next(part["sources"] for part in parts if "sources" in part)
        return Answer(text="".join(part.get("text", "") for part in parts), sources=sources)


def search_indexes(retriever: SectionsRetriever) -> Search:
    """Return a LlamaIndex retriever as a step of a LangChain expression."""

    async def search(question: str) -> Any:  # noqa: ANN401 - RunnableLambda takes the type from the sync function
        return as_sources(await retriever.aretrieve(question))

    return RunnableLambda(lambda question: as_sources(retriever.retrieve(question)), afunc=search, name="search")


def _context(so_far: dict[str, Any]) -> str:
    return as_context(so_far["sources"])


def _answer(result: dict[str, Any]) -> Answer:
    return Answer(text=result["text"], sources=result["sources"])
