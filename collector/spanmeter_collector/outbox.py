"""The outbox of webhooks: messages that are not delivered yet, a file each, so that they outlive the sidecar."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Final

KEPT_S: Final = 86_400.0
"""How old a message may be that is still delivered."""
_SUFFIX: Final = ".json"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """What an address is told of a budget."""

    budget: str
    url: str = field(repr=False)
    body: Mapping[str, object]


class Outbox:
    """A folder that its owner alone reads, for the addresses may hold secrets. The same message is kept once."""

    def __init__(self, folder: Path, *, now: Callable[[], float] = time.time) -> None:
        """Make the folder where there is none.

        Raises:
            OSError: it cannot be made.
        """
        self._folder = folder
        self._now = now
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def keep(self, message: Message) -> None:
        """Keep a message until it is dropped; where it cannot be written, that is logged, and it is in memory alone."""
        path = self._path(message)
        partial = path.with_suffix(".part")
        try:
            with os.fdopen(_private(partial), "w", encoding="utf-8") as file:
                json.dump(asdict(message), file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError:
            _logger.exception("the webhook of budget %s is not kept over a restart", message.budget)

    def drop(self, message: Message) -> None:
        """Keep a message no longer; where it cannot be taken away, that is logged, and it is told once more later."""
        try:
            self._path(message).unlink(missing_ok=True)
        except OSError:
            _logger.exception("the webhook of budget %s may be told again after the next start", message.budget)

    def waiting(self) -> Iterator[Message]:
        """What was not delivered, the oldest first; what is too old, or damaged, is dropped."""
        for path in sorted(self._folder.glob(f"*{_SUFFIX}"), key=lambda each: each.stat().st_mtime):
            message = _read(path)
            if message is not None and self._now() - path.stat().st_mtime <= KEPT_S:
                yield message
            else:
                _logger.error("a webhook that waited in %s is not told: it is too old or damaged", path.name)
                path.unlink(missing_ok=True)

    def _path(self, message: Message) -> Path:
        named = [message.budget, *(str(message.body.get(key)) for key in ("period_start", "threshold"))]
        return self._folder / f"{blake2b(json.dumps(named).encode(), digest_size=12).hexdigest()}{_SUFFIX}"


def _private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def _read(path: Path) -> Message | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Message(told["budget"], told["url"], told["body"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
