"""What was found is told by numbers, and no word of it."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.documents import Document
from llama_index.core.schema import ImageNode, NodeWithScore, TextNode

import spanmeter
from spanmeter.documents import MOST_DOCUMENTS, document_attributes, node_texts, returned_attributes

COUNT, BYTES = "spanmeter.retrieval.document_count", "spanmeter.retrieval.document_bytes"
NODES = [NodeWithScore(node=TextNode(text="secret")), NodeWithScore(node=ImageNode(image="QUJD"))]
DOCUMENTS = [Document("secret"), Document("ä")]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([], {COUNT: 0}),
        (["secret", "", "ä"], {COUNT: 3, BYTES: "6 0 2"}),
        (["a"] * (MOST_DOCUMENTS + 1), {COUNT: 101, BYTES: " ".join("1" * 100)}),
    ],
    ids=["none", "some", "very many"],
)
def test_documents_are_told_by_their_lengths_in_order(texts: list[str], told: dict[str, Any]) -> None:
    assert document_attributes(texts) == told


def test_a_node_without_text_has_none() -> None:
    assert node_texts(NODES) == ["secret", ""]


@pytest.mark.parametrize(
    ("result", "told"),
    [(DOCUMENTS, {COUNT: 2, BYTES: "6 2"}), (NODES, {COUNT: 2, BYTES: "6 0"}), (["secret"], {}), ([], {})],
    ids=["langchain", "llama_index", "texts of any kind", "nothing"],
)
async def test_a_tracked_function_that_returns_documents_tells_of_them(
    instrumented: Any, result: list[Any], told: dict[str, Any]
) -> None:
    @spanmeter.track("search")
    def search() -> list[Any]:
        return result

    @spanmeter.track("search")
    async def search_later() -> list[Any]:
        return result

    assert search() is result
    assert await search_later() is result
    spans = instrumented.named("search")
    assert [dict(span.attributes) for span in spans] == 2 * [{"spanmeter.operation": "track", **told}]


def test_documents_beside_something_else_are_not_told() -> None:
    assert returned_attributes([*DOCUMENTS, "secret"]) == {}
