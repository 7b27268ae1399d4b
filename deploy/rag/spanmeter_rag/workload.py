"""The four ways of answering, each with what happens when its model fails, ready to be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from spanmeter_rag.agent import Agent
from spanmeter_rag.answer import WAYS, Way
from spanmeter_rag.chain import Chain, search_indexes
from spanmeter_rag.clients import Clients
from spanmeter_rag.corpus import SECTIONS, Passage, passages
from spanmeter_rag.engine import Engine
from spanmeter_rag.indexes import SectionsRetriever, fill_index
from spanmeter_rag.ladder import Ladder, Route
from spanmeter_rag.lexicon import Lexicon
from spanmeter_rag.patience import Patience
from spanmeter_rag.router import Router
from spanmeter_rag.settings import Models
from spanmeter_rag.stores import Search, fill_store, search_stores

_T = TypeVar("_T")
Make = Callable[[str], Way]


@dataclass(frozen=True, slots=True)
class Workload:
    """The ladders by way, and what chooses among them."""

    ladders: Mapping[str, Ladder]
    router: Router


def build(clients: Clients) -> Workload:
    """Embed the whole reference, once for each framework, and return what answers questions about it."""
    settings = clients.settings
    patience = Patience(settings.resilience)
    lexicon = Lexicon(passages()) if settings.resilience.degraded else None
    makes = _makes(*_searches(clients, patience), clients, patience)
    ladders = {
        way: Ladder(
            _routes(way, make, model, settings.models),
            lexicon,
            sources=settings.retrieval.top_k,
            answers=clients.caches.answers,
        )
        for way, make, model in zip(WAYS, makes, _models(settings.models), strict=True)
    }
    router = settings.models.router
    return Workload(ladders, Router(clients.chat_model(router) if router else None, patience))


def _searches(clients: Clients, patience: Patience) -> tuple[Search, SectionsRetriever]:
    """Fill what each framework searches."""
    how: dict[str, Any] = {"patience": patience, "retrieval": clients.settings.retrieval}
    chat, index = clients.chat_embeddings(), clients.index_embeddings()
    stores = _each_section(partial(fill_store, embeddings=chat, **how))
    indexes = _each_section(partial(fill_index, embeddings=index, **how))
    return search_stores(stores, chat, **how), SectionsRetriever([*indexes.values()], index, **how)


def _makes(search: Search, retriever: SectionsRetriever, clients: Clients, patience: Patience) -> tuple[Make, ...]:
    """Return what makes each of the ways with a model, in the order of `WAYS`."""

    def engine(model: str) -> Way:
        whole, streaming = (clients.index_model(model, streaming=streaming) for streaming in (False, True))
        return Engine(retriever, whole, streaming, patience=patience)

    mixed = search_indexes(retriever)
    return (
        lambda model: Chain(search, clients.chat_model(model), name="chain", patience=patience),
        engine,
        lambda model: Chain(mixed, clients.chat_model(model), name="mixed", patience=patience),
        lambda model: Agent(search, clients.chat_model(model), patience=patience),
    )


def _models(models: Models) -> tuple[str, ...]:
    return (models.chain, models.engine, models.mixture, models.agent)


def _routes(way: str, make: Make, model: str, models: Models) -> list[Route]:
    other = next((fallback for fallback in models.fallbacks if fallback != model), None)
    return [Route(make(each), each, way) for each in (model, other) if each is not None]


def _each_section(fill: Callable[[list[Passage]], _T]) -> dict[str, _T]:
    with ThreadPoolExecutor(max_workers=len(SECTIONS)) as pool:
        filling = {section: pool.submit(copy_context().run, fill, _passages(section)) for section in SECTIONS}
    return {section: filled.result() for section, filled in filling.items()}


def _passages(section: str) -> list[Passage]:
    return [passage for passage in passages() if passage.section == section]
