"""What can still be read of messages in JSON that is none any more: cut by a sender, or changed by a redaction rule."""

from __future__ import annotations

import json
import re
from typing import Final

_BEGINNING: Final = re.compile(r'\s*(?:\[\s*)?\{\s*"')
_TEXT: Final = re.compile(r'"(?:content|text|arguments|response|result)"\s*:\s*"([^"\\]*+(?:\\.[^"\\]*+)*+)', re.DOTALL)
_CUT_ESCAPE: Final = re.compile(r"\\u[0-9a-fA-F]{0,3}$")


def is_broken(text: str) -> bool:
    """Whether a text that is no JSON begins as messages in JSON do."""
    return _BEGINNING.match(text) is not None


def texts_left(text: str) -> list[str]:
    """The texts of its messages, the last one perhaps in part; all of it as it stands where none is found."""
    found = [_readable(piece) for piece in _TEXT.findall(text)]
    return list(filter(None, found)) or [text]


def _readable(piece: str) -> str:
    try:
        return str(json.loads(f'"{_CUT_ESCAPE.sub("", piece)}"', strict=False))
    except ValueError:
        return piece
