"""LangSmith's `@traceable` functions and `trace` blocks: each is measured as `spanmeter.track` does, in one trace.

Around such a function LangSmith makes an identity current that is no span's; what starts inside would begin a trace of
its own. While a run of ours is open, ours is current instead.
"""

# ruff: noqa: ANN401  wrappers pass on what they are given

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from contextvars import Context, ContextVar
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

from langsmith import run_helpers

from spanmeter.barrier import barrier
from spanmeter.replaced import Replaced
from spanmeter.surrounding import held
from spanmeter.tracking import timed_call

Function = Callable[..., Any]
_UNKNOWN: Final = "this version of langsmith is not known; its @traceable functions have no spans of their own"
"""Known: 0.3.45 to 0.15."""


class Run:
    """What is measured of one function or block: open from its making, current where it is `held` or `attach`ed."""

    def __init__(self, name: str) -> None:
        self._block: Final = timed_call(name)
        self._call: Final = self._block.__enter__()
        open_runs.add(self)

    def held(self) -> contextlib.AbstractContextManager[None]:
        """Make this run current for a block."""
        return held(self._call)

    @barrier
    def attach(self) -> None:
        """Make this run current until it is closed."""
        if self._call is not None:
            self._call.attach()

    @barrier
    def close(self, error: BaseException | None = None) -> None:
        """End the span; `error` is what the application sees."""
        open_runs.discard(self)
        trace = None if error is None else error.__traceback__
        self._block.__exit__(None if error is None else type(error), error, trace)


open_runs: Final[WeakSet[Run]] = WeakSet()
_of_context: Final[ContextVar[Run | None]] = ContextVar("spanmeter-langsmith-run", default=None)
_of_block: Final[WeakKeyDictionary[object, Run]] = WeakKeyDictionary()
_replaced: Final = Replaced()


def install() -> None:
    """Measure every `@traceable` function, also those decorated before, and every `trace` block. Idempotent."""
    if _replaced:
        return
    functions = {"_setup_run": _beginning, "_container_end": _ending}
    if not _replaced.put(run_helpers, functions, missing=_UNKNOWN):
        return
    _replaced.put(run_helpers, {"_maybe_create_otel_context": _stepping_aside})
    _replaced.put(run_helpers.trace, {"__enter__": _entering, "__exit__": _leaving})
    _replaced.put(run_helpers.trace, {"__aenter__": _entering_later, "__aexit__": _leaving_later})


def remove() -> None:
    """Put LangSmith's own functions back; what is still open ends as cancelled."""
    _replaced.remove()
    for run in list(open_runs):
        run.close(GeneratorExit())


def _beginning(setup: Function) -> Function:
    """Open a run before LangSmith opens its own, in the context that the decorated function will run in."""

    @functools.wraps(setup)
    def setup_run(*args: Any, **options: Any) -> Any:
        run = _opened(args, options)
        with _handed_over(run):
            return setup(*args, **options)

    return setup_run


@contextlib.contextmanager
def _handed_over(run: Run | None) -> Iterator[None]:
    """Have what copies the running context copy this run, by which its end is known, and none of what is around it."""
    token = _of_context.set(run)
    try:
        with contextlib.nullcontext() if run is None else run.held():
            yield
    except BaseException as error:
        if run is not None:
            run.close(error)
        raise
    finally:
        _of_context.reset(token)


@barrier
def _opened(args: tuple[Any, ...], options: Mapping[str, Any]) -> Run | None:
    function, given = args[0], options.get("container_input") or {}
    if given.get("enabled") is False or _is_langchains(given):
        return None
    return Run((options.get("langsmith_extra") or {}).get("name") or given.get("name") or _named(function))


def _is_langchains(given: Mapping[str, Any]) -> bool:
    """Whether LangChain itself decorated the function, as it does each hook of a middleware: it is in no trace yet."""
    return str(getattr(given.get("process_inputs"), "__module__", "")).startswith("langchain.")


def _named(function: Any) -> str:
    function = getattr(function, "func", function)  # a partial's
    return str(getattr(function, "__name__", None) or type(function).__name__)


def _ending(end: Function) -> Function:
    @functools.wraps(end)
    def container_end(container: Any, *args: Any, **options: Any) -> Any:
        try:
            return end(container, *args, **options)
        finally:
            _closed(container, options.get("error"))

    return container_end


@barrier
def _closed(container: Mapping[str, Any], error: BaseException | None) -> None:
    context = container.get("context")
    run = context.get(_of_context) if isinstance(context, Context) else None
    if run is not None:
        handled = container.get("exceptions_to_handle") or ()
        run.close(None if isinstance(error, handled) else error)


def _stepping_aside(_: Function) -> Function:
    def maybe_create_otel_context(*_: Any, **__: Any) -> None:
        return None

    return maybe_create_otel_context


def _entering(enter: Function) -> Function:
    @functools.wraps(enter)
    def __enter__(block: Any) -> Any:  # noqa: N807
        run = _entered(block)
        if run is None:
            return enter(block)
        with run.held():
            tree = enter(block)
        run.attach()
        return tree

    return __enter__


def _entering_later(enter: Function) -> Function:
    @functools.wraps(enter)
    async def __aenter__(block: Any) -> Any:  # noqa: N807
        run = _entered(block)
        if run is None:
            return await enter(block)
        with run.held():
            tree = await enter(block)
        run.attach()
        return tree

    return __aenter__


@barrier
def _entered(block: Any) -> Run:
    _of_block[block] = run = Run(block.name)
    return run


def _leaving(leave: Function) -> Function:
    @functools.wraps(leave)
    def __exit__(block: Any, *raised: Any) -> Any:  # noqa: N807
        try:
            return leave(block, *raised)
        finally:
            _left(block, *raised)

    return __exit__


def _leaving_later(leave: Function) -> Function:
    @functools.wraps(leave)
    async def __aexit__(block: Any, *raised: Any) -> Any:  # noqa: N807
        try:
            return await leave(block, *raised)
        finally:
            _left(block, *raised)

    return __aexit__


@barrier
def _left(block: Any, _: object = None, error: BaseException | None = None, *__: object) -> None:
    run = _of_block.pop(block, None)
    if run is not None:
        run.close(None if isinstance(error, block.exceptions_to_handle or ()) else error)
