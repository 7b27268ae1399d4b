"""What a retrieval found."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from spanmeter import semconv
from spanmeter.llama_index.retrieval import retrieval_attributes


def _node(score: float | None) -> NodeWithScore:
    return NodeWithScore(node=TextNode(text="secret"), score=score)


@pytest.mark.parametrize(
    ("nodes", "attributes"),
    [
        ([], {semconv.DOCUMENT_COUNT: 0}),
        ([_node(0.25), _node(0.5)], {semconv.DOCUMENT_COUNT: 2, semconv.DOCUMENT_BYTES: "6 6", semconv.TOP_SCORE: 0.5}),
        ([_node(None)], {semconv.DOCUMENT_COUNT: 1, semconv.DOCUMENT_BYTES: "6"}),
        (None, {}),
    ],
)
def test_documents_are_counted_and_the_best_score_is_kept(nodes: Any, attributes: dict[str, Any]) -> None:
    assert retrieval_attributes(nodes) == attributes
