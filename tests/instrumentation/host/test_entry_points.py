"""Whatever others call of ours wears the barrier: a hook without one is found here, by what it is and not by a list."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import spanmeter
from spanmeter.barrier import barrier

GUARDED: CodeType = barrier(lambda: None).__code__
OUR_OWN = ("spanmeter", "builtins", "typing", "abc", "enum")

UNGUARDED = {
    "CacheStore.aget": "hands on to `get`",
    "CacheStore.aget_all": "hands on to `get_all`",
    "CacheStore.adelete": "hands on to a guarded method",
    "CacheStore.aput": "hands on to a guarded method",
    "CacheStore.delete": "hands on to a guarded method",
    "CacheStore.get": "finds by a guarded method, and copies what was written and read once already",
    "CacheStore.get_all": "refuses, by LlamaIndex's contract",
    "CacheStore.put": "hands on to a guarded method",
    "EmbeddingStore.mdelete": "hands on to a guarded method",
    "EmbeddingStore.mget": "finds by a guarded method, and copies what was written and read once already",
    "EmbeddingStore.amget": "as mget",
    "EmbeddingStore.amset": "as mset",
    "EmbeddingStore.mset": "hands on to a guarded method",
    "EmbeddingStore.yield_keys": "refuses, by LangChain's contract",
    "JsonLines.format": "called by logging's handlers, which report what is raised",
    "LLMCache.alookup": "asks by guarded methods, and copies what was written and read once already",
    "LLMCache.aupdate": "hands on to a guarded method",
    "LLMCache.clear": "forgets by a guarded method",
    "LLMCache.lookup": "asks by guarded methods, and copies what was written and read once already",
    "LLMCache.update": "hands on to a guarded method",
    "ReadableLines.format": "called by logging's handlers, which report what is raised",
    "_CacheRequests.__init__": "fails at import",
    "_CacheRequests.__subclasshook__": "the abstract base class's own",
    "_CacheRequests.collect": "called by whoever serves the metrics, to whom a fault is an error of that request alone",
    "LiveSpan.add_event": "passes on to the SDK's span, which a guarded method finds",
    "LiveSpan.add_link": "passes on to the SDK's span, which a guarded method finds",
    "LiveSpan.end": "does nothing",
    "LiveSpan.get_span_context": "passes on to the SDK's span, which a guarded method finds",
    "LiveSpan.is_recording": "passes on to the SDK's span, which a guarded method finds",
    "LiveSpan.record_exception": "passes on to the SDK's span, which a guarded method finds",
    "LiveSpan.set_attribute": "passes on to the SDK's span, which a guarded method finds",
    "LiveSpan.set_attributes": "passes on to the SDK's span, which a guarded method finds",
    "LiveSpan.set_status": "passes on to the SDK's span, which a guarded method finds",
    "LiveSpan.update_name": "passes on to the SDK's span, which a guarded method finds",
    "LightSpan.attributes": "reads a variable",
    "LightSpan.end": "the SDK's, or what it does where one processor listens",
    "LightSpan.set_attribute": "writes values that need no look, and has the SDK write others",
    "LightSpan.set_attributes": "writes values that need no look, and has the SDK write others",
    "LightTracer.start_as_current_span": "passes on to the SDK's tracer",
    "LightTracer.start_span": "passes on to the SDK's tracer",
    "Exporter.export": "brings the spans by a guarded method, and counts those of a fault as lost",
    "Histogram.__init__": "fails at import",
    "Histogram.__subclasshook__": "the abstract base class's own",
    "Histogram.collect": "called by whoever serves the metrics, to whom a fault is an error of that request alone",
    "SpanmeterCallbackHandler.raise_error": "reads a variable",
    "SpanmeterEventHandler.__init__": "fails at start where the price list cannot be read",
    "SpanmeterEventHandler.class_name": "returns a constant",
    "SpanmeterSpanHandler.__init__": "fails at start where the price list cannot be read",
    "SpanmeterSpanHandler.class_name": "returns a constant",
    "SpanmeterSpanHandler.model_post_init": "pydantic's own",
    "SpanmeterSpanHandler.span_drop": "hands on to a guarded method",
    "SpanmeterSpanHandler.span_enter": "hands on to a guarded method",
    "SpanmeterSpanHandler.span_exit": "hands on to a guarded method",
    "_Steps.send": "runs the application's own generator",
    "_Steps.throw": "runs the application's own generator",
    "_Queue.__init__": "fails at start",
    "_Queue.force_flush": "the SDK's, after calls are settled one by one, each guarded",
    "_Queue.on_end": "the SDK's, and adds one to a number",
    "_Queue.shutdown": "the SDK's, after calls are settled one by one, each guarded",
    "_Outlet.export": "called by the SDK's worker, which logs what is raised",
    "_Outlet.shutdown": "passes on to a guarded method",
    "_Spans.__subclasshook__": "the abstract base class's own",
    "_Budgets.__subclasshook__": "the abstract base class's own",
    "_Budgets.collect": "called by whoever serves the metrics, to whom a fault is an error of that request alone",
    "_Settled.__subclasshook__": "the abstract base class's own",
    "_Settled.collect": "called by whoever serves the metrics, to whom a fault is an error of that request alone",
    "_Spans.collect": "called by whoever serves the metrics, to whom a fault is an error of that request alone",
    "_Counters.shutdown": "passes on to the SDK's meter provider",
    "_Counters.force_flush": "passes on to the SDK's meter provider",
    "SpanmeterCallbackHandler.on_llm_new_token": "looks a run up and appends; anything else wears the barrier",
    "_CounterExporter.__init__": "fails at start",
    "_CounterExporter.export": "the SDK's reader logs what it raises",
    "_CounterExporter.force_flush": "returns a constant",
    "_CounterExporter.shutdown": "closes a connection; the SDK's reader logs what it raises",
}
"""What others call and needs no barrier, and why."""

HANDED_OVER = {
    "atexit.register": {"self._end_leases", "self._remove_adapters", "self.now"},
    "registry.register": {"_collector"},
    "os.register_at_fork": {"_begin", "faults.clear", "self._begin"}
    | {f"_while_alive({method})" for method in ("before", "begin", "in_parent")},
    "task.add_done_callback": {"self._cancel_awaited"},
    "threading.Thread": {"_post", "self._run", "self._work"},
    "util.Finalize": {"uninstrument"},
    "util.register_after_fork": {"end"},
    "weakref.finalize": {"abandoned"},
}
"""What is handed to others to be called later: each guarded by itself, or all it does is."""


NAMED = {"target", "before", "after_in_child", "after_in_parent"}
TAKERS = {name.rpartition(".")[2] for name in HANDED_OVER} | {"Timer", "signal", "call_soon", "call_later"}


def modules() -> Iterator[ModuleType]:
    """All that an application may hold; `spanmeter doctor` examines in a process of its own."""
    for found in pkgutil.walk_packages(spanmeter.__path__, "spanmeter."):
        if not found.name.startswith("spanmeter.doctor"):
            yield importlib.import_module(found.name)


def functions_of(kind: type) -> Iterator[tuple[str, FunctionType]]:
    for name, member in vars(kind).items():
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if isinstance(function, FunctionType):
            yield name, function


def is_called_by_others(kind: type, name: str) -> bool:
    """Whether a method takes the place of one of a class that is not ours, or is a finder's."""
    foreign = [base for base in kind.__mro__ if not base.__module__.startswith(OUR_OWN)]
    return any(name in vars(base) for base in foreign) or (MetaPathFinder in foreign and name == "find_spec")


def entry_points() -> dict[str, FunctionType]:
    return {
        f"{kind.__name__}.{name}": function
        for module in modules()
        for kind in vars(module).values()
        if inspect.isclass(kind) and kind.__module__ == module.__name__
        for name, function in functions_of(kind)
        if is_called_by_others(kind, name)
    }


def test_every_method_others_call_wears_the_barrier_or_says_why_not() -> None:
    unguarded = {name for name, function in entry_points().items() if function.__code__ is not GUARDED}

    assert unguarded == set(UNGUARDED)


def test_the_hooks_of_both_frameworks_are_among_them() -> None:
    guarded = {name for name, function in entry_points().items() if function.__code__ is GUARDED}

    assert {
        "SpanmeterCallbackHandler.on_llm_end",
        "SpanmeterEventHandler.handle",
        "SpanmeterSpanHandler.new_span",
        "Stamp.on_start",
        "Waiting.find_spec",
    } < guarded


def test_every_callback_handed_to_others_is_known() -> None:
    handed: dict[str, set[str]] = {}
    for module in modules():
        for call in _calls(Path(str(module.__file__))):
            name = ast.unparse(call.func)
            if name.rpartition(".")[2] in TAKERS:
                handed.setdefault(name, set()).update(_callbacks(call))

    assert handed == HANDED_OVER


def test_a_hook_without_a_barrier_is_found() -> None:
    class Unguarded(spanmeter_handler()):  # type: ignore[misc]
        def on_llm_end(self, *_: Any, **__: Any) -> None:
            """Wears no barrier."""

    assert is_called_by_others(Unguarded, "on_llm_end")
    assert dict(functions_of(Unguarded))["on_llm_end"].__code__ is not GUARDED


def spanmeter_handler() -> type:
    return importlib.import_module("langchain_core.callbacks").BaseCallbackHandler  # type: ignore[no-any-return]


def _calls(file: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call))


def _callbacks(call: ast.Call) -> set[str]:
    named = {ast.unparse(given.value) for given in call.keywords if given.arg in NAMED}
    return named or {ast.unparse(call.args[1] if len(call.args) > 1 else call.args[0])}
