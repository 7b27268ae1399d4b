"""`configure_logging`: where the lines of an application's loggers go and how much the libraries below it say."""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Final, Literal, Self, TextIO, get_args

from spanmeter.barrier import barrier
from spanmeter.capture import may_show_content
from spanmeter.imports import Waiting
from spanmeter.log_lines import JsonLines, ReadableLines

Mode = Literal["production", "debug"]

CLIENTS: Final = (
    "httpx",
    "httpcore",
    "urllib3",
    "requests",
    "aiohttp",
    "h2",
    "hpack",
    "websockets",
    "grpc",
    "botocore",
)
"""Loggers of HTTP clients."""
PROVIDERS: Final = (
    "openai",
    "anthropic",
    "cohere",
    "mistralai",
    "google_genai",
    "groq",
    "ollama",
    "voyageai",
    "litellm",
)
"""Loggers of providers' packages; at level debug they write whole requests, prompts included."""
FRAMEWORKS: Final = ("langchain", "langchain_core", "langchain_community", "langgraph", "langsmith", "llama_index")
"""Loggers of frameworks; at level debug they write what was retrieved and answered."""
SERVERS: Final = (
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "gunicorn.error",
    "gunicorn.access",
    "hypercorn.error",
    "hypercorn.access",
)
"""Loggers of web servers, which give them handlers of their own and keep their lines from the root logger."""
_DEBUGGERS: Final = (
    ("langchain_core", "spanmeter.langchain.debugging", "langchain.debug"),
    ("llama_index.core", "spanmeter.llama_index.debugging", "llama_index.debug"),
)
"""What has debugging output of its own, the module whose `install` and `remove` switch it, the logger it goes to."""
_LEVELS: Final[Mapping[Mode, int]] = {"production": logging.INFO, "debug": logging.DEBUG}

_lock: Final = threading.RLock()
_active: Final[list[Logs]] = []


class Logs:
    """What `configure_logging` changed; `undo`, or the end of a `with` block, takes all of it back."""

    def __init__(self) -> None:
        self._changes = contextlib.ExitStack()

    def undo(self) -> None:
        """Take everything back; a second time, or after another `configure_logging`, it does nothing."""
        with _lock:
            if self in _active:
                _active.remove(self)
            self._changes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()

    def write_to(self, handler: logging.Handler, *, replace_handlers: bool) -> None:
        """Let the root logger write to a handler, beside those there are or instead of them and of web servers'."""
        root = logging.getLogger()
        if replace_handlers:
            for logger in (root, *map(logging.getLogger, SERVERS)):
                self._take_handlers(logger)
        root.addHandler(handler)
        self._changes.callback(root.removeHandler, handler)

    def _take_handlers(self, logger: logging.Logger) -> None:
        for other in [*logger.handlers]:
            logger.removeHandler(other)
            self._changes.callback(logger.addHandler, other)
        self._changes.callback(setattr, logger, "propagate", logger.propagate)
        logger.propagate = True

    def set_level(self, logger: logging.Logger, level: int) -> None:
        """Set the level of a logger."""
        self._changes.callback(logger.setLevel, logger.level)
        logger.setLevel(level)

    def hold(self, loggers: Iterable[str], level: int) -> None:
        """Hold the loggers that the application gave no level of their own to this one."""
        for name in loggers:
            logger = logging.getLogger(name)
            if logger.level == logging.NOTSET:
                self.set_level(logger, level)

    def hold_libraries(self, mode: Mode) -> None:
        """Quiet clients and providers' packages, or let the frameworks tell what they do; no texts unless asked for."""
        if mode == "production":
            self.hold((*CLIENTS, *PROVIDERS), logging.WARNING)
            return
        self.hold((*CLIENTS, *(() if may_show_content() else (*PROVIDERS, *FRAMEWORKS))), logging.INFO)
        self.debug_frameworks()

    def debug_frameworks(self) -> None:
        """Switch the frameworks' own debugging output on, of those imported later too."""
        waiting = Waiting()
        self._changes.callback(waiting.close)
        for module, debugger, logger in _DEBUGGERS:
            self.set_level(logging.getLogger(logger), logging.DEBUG)
            waiting.when_imported(module, functools.partial(self._debug, debugger))

    @barrier
    def _debug(self, debugger: str) -> None:
        module = importlib.import_module(debugger)
        remove: Callable[[], None] = module.remove
        self._changes.callback(barrier(remove))
        module.install(content=may_show_content())


def configure_logging(
    mode: Mode = "production",
    *,
    level: int | str | None = None,
    stream: TextIO | None = None,
    replace_handlers: bool = False,
) -> Logs:
    """Write the application's logs with trace, span, request and context on every line; return how to undo it.

    `production`: JSON lines at level info; HTTP clients and providers' packages speak only from warnings up.
    `debug`: readable lines at level debug, and the frameworks' own debugging output (LangChain's `set_debug`, a
    `LlamaDebugHandler`). Prompts, answers and documents stand in neither, unless content capture is switched on
    (`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`).

    Lines go to `stream`, standard error by default. The application's own handlers stay beside ours, and so does its
    level where it has handlers, unless `replace_handlers` takes them away or `level` names one; with
    `replace_handlers`, lines of uvicorn, gunicorn and hypercorn come as ours too, where the server was set up before.
    A logger that has a level keeps it. Calling it again replaces what it did before.
    Raises ValueError for another mode or level.
    """
    if mode not in get_args(Mode):
        raise ValueError(f"mode is {mode!r}; it must be one of {', '.join(get_args(Mode))}")
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonLines() if mode == "production" else ReadableLines())
    wanted = None if level is None else logging._checkLevel(level)  # type: ignore[attr-defined]  # noqa: SLF001
    with _lock:
        while _active:
            _active[-1].undo()
        logs = Logs()
        if wanted is not None or replace_handlers or not logging.root.handlers:
            logs.set_level(logging.root, _LEVELS[mode] if wanted is None else wanted)
        logs.write_to(handler, replace_handlers=replace_handlers)
        logs.hold_libraries(mode)
        _active.append(logs)
    return logs
