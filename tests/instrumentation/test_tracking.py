"""`track` measures functions and blocks of every kind and changes nothing about them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Any

import pytest
from opentelemetry import context, trace

import spanmeter
from spanmeter import barrier, metrics, semconv


def observed(name: str, error_type: str = "") -> float:
    labels = {"name": name, "error_type": error_type}
    return metrics.registry.get_sample_value("spanmeter_track_duration_seconds_count", labels) or 0


@spanmeter.track("plain")
def plain(value: int) -> int:
    """Return the value."""
    with trace.get_tracer("app").start_as_current_span("below"):
        return 1 // value


@spanmeter.track("coroutine")
async def coroutine(value: int) -> int:
    return plain(value)


@spanmeter.track("generator")
def generator(*values: int) -> Iterator[int]:
    for value in values:
        yield plain(value)


@spanmeter.track("async generator")
async def async_generator(*values: int) -> AsyncIterator[int]:
    for value in values:
        yield await coroutine(value)


def test_a_function_has_a_span_a_latency_and_its_own_name(instrumented: Any) -> None:
    before = observed("plain")

    assert plain(1) == 1
    assert dict(instrumented.one("plain").attributes) == {"spanmeter.operation": "track"}
    assert observed("plain") - before == 1
    assert (plain.__name__, plain.__doc__) == ("plain", "Return the value.")


async def test_functions_of_a_class_and_of_nothing_are_measured_too(instrumented: Any) -> None:
    named: Any = classmethod(lambda kind: kind.__name__)
    found: Any = staticmethod(coroutine)
    tracked = {"named": spanmeter.track("of a class")(named), "found": spanmeter.track("of nothing")(found)}
    shelf: Any = type("Shelf", (), tracked)

    assert (shelf.named(), shelf().named(), await shelf.found(1)) == ("Shelf", "Shelf", 1)
    assert len(instrumented.named("of a class")) == 2
    assert instrumented.path_of("plain") == ["plain", "coroutine", "of nothing"]


def test_a_name_that_is_missing_is_asked_for() -> None:
    with pytest.raises(TypeError, match=r'it takes a name, as in @spanmeter.track\("rerank"\)'):
        spanmeter.track(plain)  # type: ignore[arg-type]


async def test_a_coroutine_is_measured_to_its_end(instrumented: Any) -> None:
    assert await coroutine(1) == 1
    assert instrumented.path_of("plain") == ["plain", "coroutine"]


def test_a_generator_is_current_only_while_it_runs(instrumented: Any) -> None:
    for _ in generator(1, 1):
        assert not trace.get_current_span().get_span_context().is_valid

    assert [instrumented.path(span) for span in instrumented.named("plain")] == [["plain", "generator"]] * 2


async def test_an_async_generator_is_measured_from_first_to_last_step(instrumented: Any) -> None:
    assert [value async for value in async_generator(1, 1)] == [1, 1]
    assert len(instrumented.named("async generator")) == 1
    assert {tuple(instrumented.path(span)) for span in instrumented.named("plain")} == {
        ("plain", "coroutine", "async generator")
    }


@spanmeter.track("dialogue")
def dialogue() -> Generator[Any, Any, str]:
    try:
        answer = yield "asked"
    except ValueError:
        answer = "refused"
    yield answer
    return "done"


@spanmeter.track("async dialogue")
async def async_dialogue() -> AsyncGenerator[Any, Any]:
    try:
        answer = yield "asked"
    except ValueError:
        answer = "refused"
    yield answer


@pytest.mark.usefixtures("instrumented")
def test_a_generator_takes_what_is_sent_and_thrown_into_it() -> None:
    answered, refused = dialogue(), dialogue()
    asked = [next(answered), next(refused)]

    assert [*asked, answered.send("yes"), refused.throw(ValueError())] == ["asked", "asked", "yes", "refused"]
    with pytest.raises(StopIteration, match="done"):
        next(answered)
    refused.close()


@pytest.mark.usefixtures("instrumented")
async def test_an_async_generator_takes_what_is_sent_and_thrown_into_it() -> None:
    async with contextlib.aclosing(async_dialogue()) as answered, contextlib.aclosing(async_dialogue()) as refused:
        asked = [await anext(answered), await anext(refused)]
        replies = [await answered.asend("yes"), await refused.athrow(ValueError())]

    assert [*asked, *replies] == ["asked", "asked", "yes", "refused"]


def test_a_generator_runs_where_instrumentation_is_suppressed(instrumented: Any) -> None:
    token = context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, value=True))
    values = list(dialogue())
    context.detach(token)

    assert (values, instrumented.finished) == (["asked", None], ())


def test_a_generator_closed_early_is_cancelled(instrumented: Any) -> None:
    steps = generator(1, 1)
    next(steps)
    steps.close()  # type: ignore[attr-defined]

    assert instrumented.one("generator").attributes[semconv.OUTCOME] == "cancelled"


def test_an_error_passes_through_and_is_named(instrumented: Any) -> None:
    before = observed("plain", "ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        plain(0)

    assert instrumented.one("plain").attributes[semconv.ERROR_TYPE] == "ZeroDivisionError"
    assert observed("plain", "ZeroDivisionError") - before == 1


def test_a_block_can_be_tracked(instrumented: Any) -> None:
    with spanmeter.track("block"):
        plain(1)

    assert instrumented.path_of("plain") == ["plain", "block"]


@pytest.mark.usefixtures("instrumented")
def test_a_fault_of_the_histogram_spares_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    barrier.raise_faults(on=False)
    monkeypatch.delattr(metrics, "_track")

    assert plain(1) == 1
    with pytest.raises(ZeroDivisionError):
        plain(0)
