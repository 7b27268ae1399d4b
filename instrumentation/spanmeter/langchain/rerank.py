"""LangChain's rerankers: the use of a model that orders documents, counted once, with how much it returned."""

# ruff: noqa: ANN401  wrappers pass on what they are given

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence, Sized
from typing import Any, Final

from langchain_core.documents import BaseDocumentCompressor

from spanmeter.budget.rerank import RERANK, sent
from spanmeter.budget.sent import Sent
from spanmeter.call import Call
from spanmeter.classes import Classes
from spanmeter.documents import returned_attributes
from spanmeter.langchain.uses import Args, Options, Use, counted, endpoint_of, model_of, packaged_provider
from spanmeter.opening import Opening

_METHODS: Final = ("compress_documents", "acompress_documents", "rerank", "arerank")
_MARK: Final = "rank"
"""What is in the name of a reranker's class, or of its model.

Other compressors shorten or leave out, and where they ask models these are counted themselves.
"""
_PROVIDERS: Final = (("Cohere", "cohere"), ("Jina", "jina"))
"""Of packages that hold the classes of many providers, by what a class's name begins with."""


def _opening(compressor: Any, args: Args, options: Options) -> Opening | None:
    """Read a reranker; without documents it asks nobody."""
    model = _model(compressor, options)
    names = [kind.__name__ for kind in type(compressor).__mro__]
    if not any(_MARK in name.lower() for name in (*names, model)) or _is_nothing(_documents(args, options)):
        return None
    endpoint = endpoint_of(compressor)
    return Opening(
        operation=RERANK,
        name=f"{RERANK} {model or names[0]}",
        framework="langchain",
        provider=endpoint.provider or packaged_provider(type(compressor)) or _provider(names),
        model=model,
        region=endpoint.region,
        attributes=endpoint.attributes,
    )


def _model(compressor: Any, options: Options) -> str:
    """The model that is asked; one of this machine may be an object that names it."""
    asked = options.get("model") or getattr(compressor, "model", None)
    return asked if isinstance(asked, str) else model_of(compressor) or model_of(asked)


def _provider(names: Sequence[str]) -> str:
    return next((provider for name in names for start, provider in _PROVIDERS if name.startswith(start)), "")


def _sent(call: Call, args: Args, options: Options) -> Sent | None:
    """What a request sends; what names no model may order by one that is held itself."""
    if not call.opening.model:
        return None
    query = args[1] if len(args) > 1 else options.get("query")
    given = _documents(args, options)
    documents = given if isinstance(given, Collection) else ()  # reading an iterator would use it up
    texts = [getattr(document, "page_content", document) for document in documents]
    return sent(query if isinstance(query, str) else "", texts)


def _documents(args: Args, options: Options) -> Any:
    """What every one of the methods takes first."""
    return args[0] if args else options.get("documents")


def _is_nothing(documents: Any) -> bool:
    """Tell by the length: arrays have no truth of their own."""
    return documents is None or (isinstance(documents, Sized) and not len(documents))


def _returned(call: Call, documents: Any) -> None:
    if isinstance(documents, list | tuple):  # reading an iterator would use it up
        call.span.set_attributes(returned_attributes(documents))


_USE: Final = Use(_opening, _sent, _returned)
CLASSES: Final = Classes(BaseDocumentCompressor, dict.fromkeys(_METHODS, functools.partial(counted, _USE)))
"""Every compressor there is, and every one defined later."""
