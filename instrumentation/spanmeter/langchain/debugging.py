"""LangChain's own debugging output, as lines of a logger and without texts unless they are asked for."""

from __future__ import annotations

import logging
import re
from typing import Any, Final

from langchain_core.globals import get_debug, set_debug
from langchain_core.tracers import stdout

_log: Final = logging.getLogger("langchain.debug")
_COLOURS: Final = re.compile("\x1b\\[[0-9;]*m")
_before: Final[list[tuple[bool, Any]]] = []


def install(*, content: bool) -> None:
    """Switch `set_debug` on; what its handler prints goes to the logger `langchain.debug` instead.

    Without `content` only the first line of each message, which names the run; what follows is what went in or out.
    """
    _before.append((get_debug(), stdout.ConsoleCallbackHandler))

    class Lines(stdout.ConsoleCallbackHandler):
        def __init__(self, **options: Any) -> None:  # noqa: ANN401  LangChain's
            super().__init__(**options)
            self.function_callback = _with_texts if content else _without_texts

    stdout.ConsoleCallbackHandler = Lines  # type: ignore[misc]  # where LangChain looks it up for every run
    set_debug(True)


def remove() -> None:
    """Put everything back."""
    if _before:
        was_on, handler = _before.pop()
        stdout.ConsoleCallbackHandler = handler  # type: ignore[misc]
        set_debug(was_on)


def _with_texts(message: str) -> None:
    _log.debug("%s", _COLOURS.sub("", message))


def _without_texts(message: str) -> None:
    _log.debug("%s", _COLOURS.sub("", message.partition("\n")[0]))
