"""Token counts as OpenAI makes them, from tokenizer files that are already on this machine."""

from __future__ import annotations

import importlib.util
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tiktoken

_ENCODING = "o200k_base"
_SHIPPED_FILE = "fb374d419588a4632f3f557e76b4b70aebbca790"  # sha1 of the address tiktoken would download it from
_CACHE_VARIABLE = "TIKTOKEN_CACHE_DIR"
_PIECE = re.compile(r"\w{1,5}|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """Text to token ids; `exact` is False when the counts are an estimate."""

    encode: Callable[[str], list[int]]
    name: str
    exact: bool

    def count(self, text: str) -> int:
        """Return how many tokens the text has."""
        return len(self.encode(text))


def load_tokenizer() -> Tokenizer:
    """Load o200k_base from the files llama-index-core ships; estimate when they are absent. Never downloads."""
    folder = _shipped_folder()
    if folder is None:
        return Tokenizer(encode=_estimate, name="estimate (about five letters a token)", exact=False)
    with _cache_folder(folder):
        encoding = tiktoken.get_encoding(_ENCODING)
    return Tokenizer(encode=encoding.encode_ordinary, name=_ENCODING, exact=True)


def _shipped_folder() -> Path | None:
    spec = importlib.util.find_spec("llama_index.core")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "_static" / "tiktoken_cache"
    return folder if (folder / _SHIPPED_FILE).is_file() else None


@contextmanager
def _cache_folder(folder: Path) -> Iterator[None]:
    before = os.environ.get(_CACHE_VARIABLE)
    os.environ[_CACHE_VARIABLE] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CACHE_VARIABLE]
        else:
            os.environ[_CACHE_VARIABLE] = before


def _estimate(text: str) -> list[int]:
    return [zlib.crc32(piece.encode()) for piece in _PIECE.findall(text)]
