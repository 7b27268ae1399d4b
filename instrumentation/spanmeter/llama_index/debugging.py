"""LlamaIndex's own debugging output, as lines of a logger; it tells events and durations, and no texts."""

from __future__ import annotations

import logging
from typing import Any, Final

from llama_index import core  # its attribute of llama_index comes after the import that `install` follows at once
from llama_index.core import Settings
from llama_index.core.callbacks import LlamaDebugHandler

from spanmeter.barrier import barrier

_log: Final = logging.getLogger("llama_index.debug")
_installed: Final[list[_Lines]] = []


class _Lines(LlamaDebugHandler):
    """Prints each trace when it ends, and forgets what it was told: the events hold prompts and answers."""

    @barrier
    def end_trace(self, trace_id: str | None = None, trace_map: dict[str, list[str]] | None = None) -> None:
        super().end_trace(trace_id, trace_map)
        self.flush_event_logs()

    @barrier
    def _print(self, print_str: str) -> None:
        _log.debug("%s", print_str)


def install(*, content: bool) -> None:  # noqa: ARG001  there is none in either case
    """Add the handler to every callback manager from now on, and to the global one; leave another global one alone."""
    if core.global_handler is not None:
        return
    handler = _Lines(print_trace_on_end=True)
    core.global_handler = handler
    if (manager := _global_manager()) is not None:
        manager.add_handler(handler)
    _installed.append(handler)


def remove() -> None:
    """Take it back, also out of the global callback manager; managers made meanwhile keep a handler that is silent."""
    while _installed:
        handler = _installed.pop()
        handler.print_trace_on_end = False
        core.global_handler = None
        manager = _global_manager()
        if manager is not None and handler in manager.handlers:
            manager.remove_handler(handler)


def _global_manager() -> Any:  # noqa: ANN401  the framework's door
    return Settings._callback_manager  # noqa: SLF001  the public one makes one
