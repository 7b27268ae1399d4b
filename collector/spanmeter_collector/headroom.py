"""Headroom: how much of what is left of a budget one holder gets."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Final

from spanmeter_collector.lease import ZERO, Ask

_PICO: Final = Decimal("1e-12")


@dataclass(frozen=True, slots=True)
class Room:
    """What of a budget nobody spent, reserved or was lent, and how many others hold leases of it.

    `is_waited_for` says that one of the others waits for more than there is.
    """

    left: Decimal
    others: int = 0
    is_waited_for: bool = False


def headroom(ask: Ask, room: Room) -> Decimal:
    """What a holder gets beyond what it spent and reserved, never more than is left.

    What it needs it gets whole, or nothing where that is not left: half a call is none. Of what it wants beyond that
    it gets at most its share of half of the rest, so that something is left for whoever asks next and what lies
    unused anywhere shrinks with the rest. While others wait nobody gets more than it needs.
    """
    if ask.release or ask.need > room.left or room.left <= 0:
        return ZERO
    rest = room.left - ask.need
    share = ZERO if room.is_waited_for else rest / (2 * (room.others + 1))
    return ask.need + min(max(ask.want - ask.need, ZERO), share).quantize(_PICO, rounding=ROUND_DOWN)
