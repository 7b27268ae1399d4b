"""Which spans are kept, and their names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.workflow import Workflow

from spanmeter.call import Opening
from spanmeter.llama_index.operation import Method, method_of, opening_of


class Found(BaseRetriever):
    def _retrieve(self, _: Any) -> list[Any]:
        return []


class Answering(BaseQueryEngine):
    def _query(self, query_bundle: Any) -> Any: ...
    async def _aquery(self, query_bundle: Any) -> Any: ...
    def _get_prompt_modules(self) -> Any: ...


class BaseAgent:
    """As up to 0.12."""


def _method(name: str, instance: Any) -> Method:
    return method_of(f"Class.{name}-{uuid4()}", instance)


@pytest.mark.parametrize(
    ("method", "instance", "operation", "name"),
    [
        ("retrieve", Found(), "retrieval", "retrieval Found"),
        ("aretrieve", Found(), "retrieval", "retrieval Found"),
        ("query", Answering(None), "query", "query Answering"),
        ("astream_chat", BaseAgent(), "invoke_agent", "invoke_agent BaseAgent"),
    ],
)
def test_kept_spans_are_named_by_operation_and_class(method: str, instance: Any, operation: str, name: str) -> None:
    opening = opening_of(_method(method, instance), instance)
    assert opening is not None
    assert (opening.operation, opening.name, opening.framework) == (operation, name, "llama_index")


@pytest.mark.parametrize(
    ("method", "instance"),
    [("_retrieve", Found()), ("_query", Answering(None)), ("chat", SimpleNamespace()), ("split_text", None)],
)
def test_inner_methods_and_foreign_objects_are_not_kept(method: str, instance: Any) -> None:
    assert opening_of(_method(method, instance), instance) is None


def test_functions_are_kept_as_steps_of_a_workflow_only() -> None:
    inside = opening_of(_method("answer", None), None, enclosing_operation="invoke_workflow")
    assert inside == Opening(operation="step", name="step answer", framework="llama_index")
    assert opening_of(_method("answer", None), None, enclosing_operation="invoke_agent") is None


def test_up_to_0_12_a_step_is_a_method_of_the_workflow() -> None:
    class Answering(Workflow): ...

    workflow: Any = Answering.__new__(Answering)
    inside = opening_of(_method("answer", workflow), workflow, enclosing_operation="invoke_workflow")
    assert inside == Opening(operation="step", name="step answer", framework="llama_index")
    assert opening_of(_method("answer", workflow), workflow) is None


def test_the_method_is_read_from_the_end_of_the_id() -> None:
    assert method_of(f"test.<locals>.Answering.answer-{uuid4()}", None).name == "answer"
