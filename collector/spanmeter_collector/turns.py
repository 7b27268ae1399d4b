"""How long a thread may keep others from running Python."""

from __future__ import annotations

import sys
from typing import Final

_TURN_S: Final = 0.001


def take_short_turns() -> None:
    """Let threads take turns of a millisecond instead of five.

    On its way to an acknowledgement a request waits for its turn three times, behind a thread that reads and prices
    what came before; https://docs.python.org/3/library/sys.html#sys.setswitchinterval.
    """
    sys.setswitchinterval(_TURN_S)
