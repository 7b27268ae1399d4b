"""The four ways of answering, ready to be asked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from spanmeter_rag.agent import Agent
from spanmeter_rag.answer import WAYS, Way
from spanmeter_rag.chain import Chain, search_indexes
from spanmeter_rag.clients import chat_embeddings, chat_model, index_embeddings, index_model
from spanmeter_rag.corpus import SECTIONS, Passage, passages
from spanmeter_rag.engine import Engine
from spanmeter_rag.indexes import SectionsRetriever, fill_index
from spanmeter_rag.settings import Settings
from spanmeter_rag.stores import fill_store, search_stores

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Route:
    """A way of answering and the model it uses."""

    way: Way
    model: str


Workload = MappingProxyType[str, Route]


def build(settings: Settings) -> Workload:
    """Embed the whole reference, once for each framework, and return the ways by name."""
    stores = _each_section(partial(fill_store, embeddings=chat_embeddings(settings)))
    indexes = _each_section(partial(fill_index, embeddings=index_embeddings(settings)))
    search, retriever = search_stores(stores), SectionsRetriever(list(indexes.values()))
    models = settings.models
    whole, streaming = (index_model(settings, models.engine, streaming=streaming) for streaming in (False, True))
    chain = Chain(search, chat_model(settings, models.chain), name="chain")
    mixture = Chain(search_indexes(retriever), chat_model(settings, models.mixture), name="mixed")
    routes = (
        Route(chain, models.chain),
        Route(Engine(retriever, whole, streaming), models.engine),
        Route(mixture, models.mixture),
        Route(Agent(search, chat_model(settings, models.agent)), models.agent),
    )
    return MappingProxyType(dict(zip(WAYS, routes, strict=True)))


def _each_section(fill: Callable[[list[Passage]], _T]) -> dict[str, _T]:
    with ThreadPoolExecutor(max_workers=len(SECTIONS)) as pool:
        filling = {section: pool.submit(copy_context().run, fill, _passages(section)) for section in SECTIONS}
    return {section: filled.result() for section, filled in filling.items()}


def _passages(section: str) -> list[Passage]:
    return [passage for passage in passages() if passage.section == section]
