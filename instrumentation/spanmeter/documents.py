"""What was found by a search, told by numbers alone: how many documents there are and how long each is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from spanmeter import semconv
from spanmeter.budget.size import text_bytes
from spanmeter.opening import AttributeValue

MOST_DOCUMENTS: Final = 100
"""Of further ones only the number is told."""


def document_attributes(texts: Sequence[str]) -> dict[str, AttributeValue]:
    """How many documents there are and the bytes of the first hundred, in their order, as "1204 980 77"."""
    told: dict[str, AttributeValue] = {semconv.DOCUMENT_COUNT: len(texts)}
    if texts:
        told[semconv.DOCUMENT_BYTES] = " ".join([str(text_bytes(text)) for text in islice(texts, MOST_DOCUMENTS)])
    return told


def node_texts(nodes: Iterable[Any]) -> list[str]:
    """The texts of LlamaIndex's scored nodes; an image has none."""
    texts = (getattr(found.node, "text", "") for found in nodes)
    return [text if isinstance(text, str) else "" for text in texts]


def returned_attributes(result: Sequence[Any]) -> dict[str, AttributeValue]:
    """The same of what a function of the application returned; empty unless it is a list of a framework's documents."""
    if not result:
        return {}
    if all(isinstance(getattr(each, "page_content", None), str) for each in result):
        return document_attributes([each.page_content for each in result])
    scored = all(hasattr(each, "node") and hasattr(each, "score") for each in result)
    return document_attributes(node_texts(result)) if scored else {}
