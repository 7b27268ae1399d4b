"""Which of LlamaIndex's many spans become spans of ours, under which operation and name.

LlamaIndex opens a span for every overridden method: a query engine alone has `query` and `_query`, a synthesizer
`get_response` twice. Only the methods listed here are kept; spans of all others pass their children on to
the nearest kept one. Classes are known by the name of a base class, which stayed the same from 0.11 to 0.14, where
import paths did not.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from spanmeter import semconv
from spanmeter.call import Opening

FRAMEWORK: Final = "llama_index"
STEP: Final = "step"
_UUID_LENGTH: Final = 36
_CHAT_METHODS: Final = frozenset({"chat", "achat", "stream_chat", "astream_chat"})

# base class -> (methods, operation); the first base class that matches decides, so the narrower one comes first.
KEPT: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "BaseWorkflowAgent": (frozenset({"run"}), "invoke_agent"),
    "AgentWorkflow": (frozenset({"run"}), "invoke_agent"),
    "Workflow": (frozenset({"run"}), "invoke_workflow"),
    "BaseAgent": (_CHAT_METHODS, "invoke_agent"),
    "BaseChatEngine": (_CHAT_METHODS, "query"),
    "BaseQueryEngine": (frozenset({"query", "aquery"}), "query"),
    "BaseRetriever": (frozenset({"retrieve", "aretrieve"}), "retrieval"),
    "BaseSynthesizer": (frozenset({"synthesize", "asynthesize"}), "synthesize"),
    "BaseNodePostprocessor": (frozenset({"_postprocess_nodes", "_apostprocess_nodes"}), "postprocess"),
    "BaseTool": (frozenset({"call", "acall", "__call__"}), "execute_tool"),
    "IngestionPipeline": (frozenset({"run", "arun"}), "ingest"),
}


def method_of(span_id: str) -> str:
    """`RetrieverQueryEngine.query-<uuid>` -> `query`."""
    return span_id[: -_UUID_LENGTH - 1].rpartition(".")[2]


def is_structuring(span_id: str, instance: Any) -> bool:  # noqa: ANN401  the framework's door
    """Whether a method turns answers into objects: what it runs as a tool there is the object's constructor."""
    kind: Any = type(instance)
    return method_of(span_id).endswith("structured_predict") or "BasePydanticProgram" in _ancestors(kind)


def opening_of(span_id: str, instance: Any, *, enclosing_operation: str = "") -> Opening | None:  # noqa: ANN401  the framework's door
    """What to open for a LlamaIndex span; None when it is not kept."""
    method = method_of(span_id)
    kind: Any = type(instance)
    # A step is a function, up to 0.12 a method of the workflow.
    if instance is None or (method != "run" and "Workflow" in _ancestors(kind)):
        is_step = enclosing_operation == "invoke_workflow" and not method.startswith("_")
        return _step(method) if is_step else None
    operation = _operation(kind, method)
    if operation is None:
        return None
    subject, attributes = _subject(operation, instance)
    return Opening(operation=operation, name=f"{operation} {subject}", framework=FRAMEWORK, attributes=attributes)


def _step(method: str) -> Opening:
    return Opening(operation=STEP, name=f"{STEP} {method}", framework=FRAMEWORK)


@lru_cache(maxsize=1024)
def _ancestors(kind: type) -> frozenset[str]:
    return frozenset(ancestor.__name__ for ancestor in kind.__mro__)


@lru_cache(maxsize=1024)
def _operation(kind: type, method: str) -> str | None:
    for base, (methods, operation) in KEPT.items():
        if base in _ancestors(kind):
            return operation if method in methods else None
    return None


def _subject(operation: str, instance: Any) -> tuple[str, dict[str, str]]:  # noqa: ANN401  the framework's door
    class_name = type(instance).__name__
    if operation == "execute_tool":
        tool = instance.metadata.name or class_name
        return tool, {semconv.TOOL_NAME: tool}
    if operation == "invoke_agent":
        agent = getattr(instance, "name", None) or class_name
        return agent, {semconv.AGENT_NAME: agent}
    if operation == "invoke_workflow":
        return class_name, {semconv.WORKFLOW_NAME: class_name}
    return class_name, {}
