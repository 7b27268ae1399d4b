"""What a retrieval found, without its texts."""

from __future__ import annotations

from typing import Any

from spanmeter import semconv
from spanmeter.documents import document_attributes, node_texts
from spanmeter.opening import AttributeValue


def retrieval_attributes(nodes: Any) -> dict[str, AttributeValue]:  # noqa: ANN401  the framework's door
    """How many documents came back, how long, and the best score; empty when it was no list of scored nodes."""
    if not isinstance(nodes, list):
        return {}
    found = document_attributes(node_texts(nodes))
    scores = [float(node.score) for node in nodes if getattr(node, "score", None) is not None]
    if scores:
        found[semconv.TOP_SCORE] = max(scores)
    return found
