"""Which of LlamaIndex's many spans become spans of ours, under which operation and name.

LlamaIndex opens a span for every overridden method: a query engine alone has `query` and `_query`, a synthesizer
`get_response` twice. Only the methods listed here are kept; spans of all others pass their children on to
the nearest kept one. Classes are known by the name of a base class, which stayed the same from 0.11 to 0.14, where
import paths did not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import NoneType
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


@dataclass(frozen=True, slots=True)
class Method:
    """What is known of a method of a class, found out once.

    `operation` is None where its spans are not kept. It `structures` when it turns answers into objects: what it
    runs as a tool is the object's constructor. It `may_be_a_step` where a workflow runs it, and `runs_beside` its
    caller when it is a workflow's: it returns at once.
    """

    name: str
    operation: str | None
    structures: bool
    may_be_a_step: bool
    runs_beside: bool


def method_of(span_id: str, instance: Any) -> Method:  # noqa: ANN401  the framework's door
    """The method a span's id names: `RetrieverQueryEngine.query-<uuid>` -> `query`."""
    kind: Any = type(instance)
    return _method(kind, span_id[: -_UUID_LENGTH - 1])


def opening_of(method: Method, instance: Any, *, enclosing_operation: str = "") -> Opening | None:  # noqa: ANN401  the framework's door
    """What to open for a LlamaIndex span; None when it is not kept."""
    if method.may_be_a_step:
        return _named(STEP, method.name) if enclosing_operation == "invoke_workflow" else None
    if method.operation is None:
        return None
    return _named(method.operation, _subject(method.operation, instance))


@lru_cache(maxsize=1024)
def _named(operation: str, subject: str) -> Opening:
    key = _SUBJECT_KEYS.get(operation)
    attributes = {key: subject} if key else {}
    return Opening(operation=operation, name=f"{operation} {subject}", framework=FRAMEWORK, attributes=attributes)


@lru_cache(maxsize=1024)
def _method(kind: type, qualified: str) -> Method:
    name = qualified.rpartition(".")[2]
    ancestors = frozenset(ancestor.__name__ for ancestor in kind.__mro__)
    # A step is a function, up to 0.12 a method of the workflow.
    is_of_workflow = kind is NoneType or (name != "run" and "Workflow" in ancestors)
    return Method(
        name,
        None if is_of_workflow else _operation(ancestors, name),
        structures=name.endswith("structured_predict") or "BasePydanticProgram" in ancestors,
        may_be_a_step=is_of_workflow and not name.startswith("_"),
        runs_beside=name == "run" and "Workflow" in ancestors,
    )


def _operation(ancestors: frozenset[str], method: str) -> str | None:
    for base, (methods, operation) in KEPT.items():
        if base in ancestors:
            return operation if method in methods else None
    return None


def _subject(operation: str, instance: Any) -> str:  # noqa: ANN401  the framework's door
    name = None
    if operation == "execute_tool":
        name = instance.metadata.name
    elif operation == "invoke_agent":
        name = getattr(instance, "name", None)
    return str(name or type(instance).__name__)


_SUBJECT_KEYS: Final = {
    "execute_tool": semconv.TOOL_NAME,
    "invoke_agent": semconv.AGENT_NAME,
    "invoke_workflow": semconv.WORKFLOW_NAME,
}
