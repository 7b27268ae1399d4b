"""No fault of ours changes what an application comes to; each is counted, and logged once."""

from __future__ import annotations

import gc
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import CodeType, FunctionType
from typing import Any

import pytest

from spanmeter import answer, barrier, bill, call, current, metrics, opening, settling, surrounding, tally
from spanmeter.barrier import barrier as guard
from spanmeter.langchain import answer as langchain_answer
from spanmeter.langchain import opening as langchain_opening
from spanmeter.langchain import runs
from spanmeter.llama_index import model_call, open_spans, operation, response
from spanmeter.process import calls

APPLICATIONS = ("langchain", "langgraph", "llama_index", "tracking", "brief")
GUARDED: CodeType = guard(lambda: None).__code__
FAULTS = (RuntimeError, RecursionError, MemoryError)


def hooks() -> dict[str, FunctionType]:
    """Every function of ours that wears the barrier."""
    gc.unfreeze()  # the collector knows the frozen ones only as a whole
    functions = [each for each in gc.get_objects() if isinstance(each, FunctionType) and each.__code__ is GUARDED]
    gc.freeze()
    return {_name(each): each for each in functions if each.__module__.startswith("spanmeter.")}


def _name(function: Any) -> str:
    return f"{function.__module__}.{function.__qualname__}"


INNER: dict[str, Any] = {
    _name(each): each
    for each in (
        answer.answer_attributes,
        answer.usage_attributes,
        bill.Bill.add,
        call.Call.__init__,
        call.Call.stop,
        call.Call.fail,
        call.Call.cancel,
        call.Call.first_chunk,
        call.Calls.start,
        call.Calls.open,
        current.here,
        current.innermost,
        current.resolve,
        current.is_suppressed,
        current.LiveSpan.attach,
        current.LiveSpan.leave,
        langchain_answer.model_answer,
        langchain_opening.model_opening,
        langchain_opening.chain_opening,
        metrics.observe,
        model_call.ModelCalls.chunk,
        model_call.ModelCalls.end,
        model_call.ModelCalls.start,
        open_spans.OpenSpans.enter,
        open_spans.OpenSpans.exit,
        open_spans.OpenSpans.end,
        opening.opening_attributes,
        operation.opening_of,
        response.answer_reader,
        runs.Runs.start,
        runs.Runs.end,
        settling.Settling.later,
        surrounding._open,
        tally.Tally.add,
    )
}
"""What hooks do inside, at the depths where a fault leaves something half done."""


@contextmanager
def failing(function: Any, kind: type[Exception]) -> Iterator[None]:
    """Have a function fail wherever it is called from; of a hook, what it guards."""
    inner = inspect.unwrap(function)
    inner = getattr(inner, "__func__", inner)
    names: dict[str, Any] = {}
    exec(f"def fail(*_, **__):\n    raise {kind.__name__}('injected')", names)
    healthy = inner.__code__
    inner.__code__ = names["fail"].__code__.replace(co_freevars=healthy.co_freevars)
    try:
        yield
    finally:
        inner.__code__ = healthy


def told(production: Callable[[], list[str]], places: int) -> bool:
    """Whether each place was logged once; a thread of ours may still be writing its line."""
    deadline = time.monotonic() + 20
    while len(production()) < places and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(production()) == places


_unmeasured: dict[str, Any] = {}


@pytest.fixture
async def expected(run: Any, request: pytest.FixtureRequest) -> Any:
    """What the application of a test comes to when nobody measures it."""
    name = request.getfixturevalue("name")
    if name not in _unmeasured:
        _unmeasured[name] = await run(name)
    return _unmeasured[name]


@pytest.fixture
def name() -> str:
    return "brief"


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("name", APPLICATIONS)
async def test_an_application_none_of_whose_hooks_work_comes_to_the_same(
    name: str, kind: type[Exception], run: Any, expected: Any, production: Any
) -> None:
    with ExitStack() as all_failing:
        for hook in hooks().values():
            all_failing.enter_context(failing(hook, kind))
        result = await run(name)
        places = len(barrier._seen)

    assert result == expected
    assert barrier.faults.total() > 5
    assert told(production, places)


@pytest.mark.parametrize("place", [pytest.param(place, id=name) for name, place in {**hooks(), **INNER}.items()])
async def test_an_application_of_which_one_place_fails_comes_to_the_same(
    place: FunctionType, run: Any, expected: Any, production: Any
) -> None:
    with failing(place, RuntimeError):
        result = await run("brief")
        places = len(barrier._seen)

    assert result == expected
    assert told(production, places)
    assert barrier.faults.total() > 0 or _name(place) not in INNER


async def test_a_broken_price_list_is_a_fault_like_any_other(
    run: Any, expected: Any, production: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(calls(), "price", fail)

    assert await run("brief") == expected
    assert barrier.faults.total() > 0
    assert len(production()) == 1


def test_of_a_hook_what_it_guards_is_what_fails() -> None:
    @guard
    def hook() -> str:
        return "healthy"

    with failing(hook, MemoryError), pytest.raises(MemoryError):
        hook()
    assert hook() == "healthy"
