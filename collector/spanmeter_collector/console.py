"""What the command line says: answers on standard output, everything else on standard error."""

from __future__ import annotations

import sys
from typing import TextIO


def say(text: str) -> None:
    """Write an answer at once; what the terminal's encoding lacks becomes a question mark."""
    _write(sys.stdout, text)


def complain(text: str) -> None:
    """Write why something was not done."""
    _write(sys.stderr, text)


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()
