"""A reply: what came of an attempt to pass something on, however it travels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from spanmeter_collector.otlp import Signal

ALL: Final = -1


@dataclass(frozen=True, slots=True)
class Reply:
    """An attempt is done, or made again after a while; `reason` says what is wrong.

    Of what is done so many spans were refused, all of them where that is `ALL`.
    """

    done: bool
    refused_spans: int = 0
    wait_s: float = 0.0
    reason: str = ""


class Way(Protocol):
    """The way to another OTLP endpoint; `shown` names it without secrets."""

    shown: str

    def packed(self, bodies: Sequence[bytes]) -> bytes:
        """Requests of one signal as one, as it travels: protobuf messages that follow each other are one message."""
        ...

    def send(self, signal: Signal, packed: bytes, *, most_s: float) -> Reply:
        """Make one attempt."""
        ...

    def close(self) -> None:
        """Give the connection up."""
        ...
