"""Logs as JSON lines on standard error, without the secrets that the process knows."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

_SHORTEST_SECRET: Final = 4
"""What is shorter stands in ordinary words and protects nothing."""
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "color_message"}


class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, logger, message, the extras, and the traceback where there is one.

    Wherever one of the secrets would stand, in whatever library's message, three dots stand.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        spellings = {spelling for secret in secrets for spelling in (secret, quote(secret, safe=""))}
        self._secrets = sorted((one for one in spellings if len(one) >= _SHORTEST_SECRET), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """The record on one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps({key: self._clean(said) for key, said in line.items()}, default=str, ensure_ascii=False)

    def _clean(self, said: object) -> object:
        if isinstance(said, int | float | bool | None):
            return said
        if isinstance(said, Mapping):
            return {self._clean(str(key)): self._clean(part) for key, part in said.items()}
        if isinstance(said, list | tuple):
            return [self._clean(part) for part in said]
        text = said if isinstance(said, str) else str(said)
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


def write_json_lines(secrets: Iterable[str] = ()) -> None:
    """Let every logger of the process, at level info and above, write to standard error, warnings and crashes too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(secrets))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    for quoting in ("urllib3.connectionpool", "clickhouse_connect"):  # whole questions, where a server is away
        logging.getLogger(quoting).setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)
    threading.excepthook = _log_crash


def _log_crash(crash: threading.ExceptHookArgs) -> None:
    logging.getLogger(__name__).critical(
        "the thread %s crashed", crash.thread and crash.thread.name, exc_info=crash.exc_value
    )
