"""The callback handler: the door between LangChain's runs and calls."""

# ruff: noqa: ANN401, ARG002  LangChain fixes these signatures

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.outputs import LLMResult

from spanmeter.barrier import barrier, raises_faults
from spanmeter.budget.budgets import budgets
from spanmeter.call import NO_ANSWER
from spanmeter.langchain import gate
from spanmeter.langchain.answer import model_answer, model_reader, retrieved, tool_answered
from spanmeter.langchain.batch import Batch, batch_of
from spanmeter.langchain.opening import (
    agent_name,
    chain_opening,
    graph_opening,
    is_hidden,
    is_node,
    model_opening,
    retriever_opening,
    tool_opening,
)
from spanmeter.langchain.pieces import event_piece, piece_of
from spanmeter.langchain.raw_usage import take
from spanmeter.langchain.runs import Run, runs
from spanmeter.langchain.stack import answers_before
from spanmeter.opening import Opening
from spanmeter.process import calls

_find: Final[Callable[[Any], Run | None]] = runs.find


class SpanmeterCallbackHandler(BaseCallbackHandler):
    """Turns LangChain's and LangGraph's callbacks into calls, without any other setup.

    Spans go to the application's global tracer provider. Several handlers on one run, or one beside
    `spanmeter.instrument()`, count it once. Faults of its own never reach the application.
    """

    run_inline = True

    def __init__(self) -> None:
        calls()
        budgets.tell(gate.follow)

    @property
    def raise_error(self) -> bool:  # type: ignore[override]  # LangChain reads a class attribute
        """Let faults through only where the barrier does."""
        return raises_faults()

    @barrier
    def on_chat_model_start(self, serialized: dict[str, Any], messages: Any, *, run_id: UUID, **options: Any) -> None:
        """Open a chat call."""
        batch = batch_of(serialized, options, completion=False)
        opening = model_opening("chat", serialized, options, asked=messages, together=batch is not None)
        _start(opening, run_id, options, batch=batch)

    @barrier
    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **options: Any) -> None:
        """Open a text completion call."""
        batch = batch_of(serialized, options, completion=True)
        opening = model_opening("text_completion", serialized, options, asked=prompts, together=batch is not None)
        _start(opening, run_id, options, batch=batch)

    def on_llm_new_token(self, *told: Any, **options: Any) -> None:
        """Keep what a stream brings, and note its first token; from here on the stream's consumer has control.

        All but the first of usual tokens take a look-up and an `append`, neither of which can fail: no barrier.
        """
        token = told[0] if told else options.get("token")
        run = _find(options.get("run_id"))
        if run is not None and run.hear is not None and type(token) is str and token:
            run.hear(token)
        else:
            _hear_token(*told, **options)

    @barrier
    def on_stream_event(self, event: Any, *, run_id: UUID, **options: Any) -> None:
        """Keep what a `stream_events` stream brings, unless it tells the same by tokens."""
        run = runs.find(run_id)
        if run is not None and not run.tokens:
            _hear(run, event_piece(event))

    @barrier
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **options: Any) -> None:
        """End a model call."""
        run = runs.find(run_id)
        call = runs.end(run_id)
        if run is None or call is None:
            return
        # Prompts of one `generate` are all open at once: what is told then may be another's.
        if run.batch is None:
            later = model_reader(response, run_id=run_id, provider=call.opening.provider, told=take(call))
            call.stop_by(later.read, at_leisure=later.tells_usage)
            return
        answer = model_answer(response, run_id=run_id, provider=call.opening.provider)
        call.stop(run.batch.share(answer, run_id=run_id, output=response.llm_output or {}))

    @barrier
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **options: Any) -> None:
        """End a model call that failed, or a stream that was closed early."""
        run = runs.find(run_id)
        if run is None:
            return
        if run.batch is not None:
            _end_rest(run, run.batch, error)
        call = runs.end(run_id)
        if call is not None:
            partial = options.get("response")
            answer = model_answer(partial, run_id=run_id, provider=call.opening.provider) if partial else NO_ANSWER
            call.fail(error, replace(answer, cache_hit=False))

    @barrier
    def on_tool_start(self, serialized: dict[str, Any], input_str: str, *, run_id: UUID, **options: Any) -> None:
        """Open a tool call."""
        _start(tool_opening(serialized, options, asked=input_str), run_id, options)

    @barrier
    def on_retriever_start(self, serialized: dict[str, Any], query: str, *, run_id: UUID, **options: Any) -> None:
        """Open a retrieval."""
        _start(retriever_opening(serialized, options, asked=query), run_id, options)

    @barrier
    def on_retriever_end(self, documents: Sequence[Document], *, run_id: UUID, **options: Any) -> None:
        """End a retrieval."""
        call = runs.end(run_id)
        if call is not None:
            call.stop(retrieved(documents))

    @barrier
    def on_chain_start(self, serialized: dict[str, Any], inputs: Any, *, run_id: UUID, **options: Any) -> None:
        """Open a chain, node or graph."""
        parent_run_id = options.get("parent_run_id")
        if is_hidden(options):
            runs.hide(run_id=run_id, parent_run_id=parent_run_id)
            return
        node = is_node(options)
        if node:
            _mark_graph(parent_run_id, agent_name(options))
        _start(chain_opening(serialized, options, node=node), run_id, options)

    @barrier
    def on_chain_end(self, outputs: Any, *, run_id: UUID, **options: Any) -> None:
        """End a chain, node or graph."""
        _stop(run_id)

    @barrier
    def on_tool_end(self, output: Any, *, run_id: UUID, **options: Any) -> None:
        """End a tool call."""
        call = runs.end(run_id)
        if call is not None:
            call.stop(tool_answered(output))

    @barrier
    def on_chain_error(self, error: BaseException, *, run_id: UUID, **options: Any) -> None:
        """End a chain, node or graph that failed, was cancelled or was interrupted."""
        _fail(run_id, error)

    @barrier
    def on_tool_error(self, error: BaseException, *, run_id: UUID, **options: Any) -> None:
        """End a tool call that failed."""
        _fail(run_id, error)

    @barrier
    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **options: Any) -> None:
        """End a retrieval that failed."""
        _fail(run_id, error)


def _start(opening: Opening, run_id: UUID, options: dict[str, Any], *, batch: Batch | None = None) -> None:
    runs.start(opening, run_id=run_id, parent_run_id=options.get("parent_run_id"), batch=batch)


@barrier
def _hear_token(token: object, *, run_id: UUID, chunk: object = None, **_: object) -> None:
    run = runs.find(run_id)
    if run is None:
        return
    run.tokens = True
    _hear(run, token if type(token) is str and token else piece_of(token, chunk))
    call = run.call
    if call is not None and call.heard is not None and call.first_chunk_s is not None:
        run.hear = call.heard.append


def _hear(run: Run, piece: str) -> None:
    call = run.call
    if call is None:
        return
    if piece:
        call.hear(piece)
    if call.first_chunk_s is None:
        call.leave()
        if piece:
            call.first_chunk()


def _end_rest(failed: Run, batch: Batch, error: BaseException) -> None:
    """End the other prompts of a `generate` one of which fails, which LangChain does not.

    The chats of an `agenerate` are awaited together, and each tells its own end.
    """
    if failed.awaited and not batch.completion:
        return
    for run_id, result in itertools.zip_longest(batch.run_ids, answers_before(error)):
        run = runs.find(run_id)
        if run is None or run is failed:
            continue
        if result is None or run.call is None:
            runs.cancel(run_id)
        else:
            runs.end(run_id)
            output = LLMResult(generations=[result.generations], llm_output=result.llm_output)
            run.call.stop(model_answer(output, run_id=run_id, provider=run.call.opening.provider))


def _stop(run_id: UUID) -> None:
    call = runs.end(run_id)
    if call is not None:
        call.stop()


def _fail(run_id: UUID, error: BaseException) -> None:
    call = runs.end(run_id, cancelled=not isinstance(error, Exception))
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if call is None:
        return
    if "GraphInterrupt" in kinds:
        call.cancel(outcome="interrupted")
    elif "GraphBubbleUp" in kinds:  # how a node hands a command to the graph around it
        call.stop()
    else:
        call.fail(error)


def _mark_graph(run_id: UUID | None, agent: str) -> None:
    graph = runs.call(run_id)
    if graph is not None and graph.opening.operation == "chain":
        graph.rename(graph_opening(graph.opening, agent=agent))
