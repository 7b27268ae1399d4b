"""The encodings of tiktoken that lie on this machine: nothing is ever downloaded.

tiktoken itself downloads an encoding it does not find in its cache, and takes the cache's place from a variable of
the environment. So the files are looked up and read here, where llama-index-core, LiteLLM and tiktoken keep them.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.util
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from tiktoken import Encoding


class _Source(NamedTuple):
    """Where tiktoken has an encoding from, the SHA-256 of it, and how it splits text into pieces."""

    url: str
    sha256: str
    pattern: str


_HOME: Final = "https://openaipublic.blob.core.windows.net/encodings/"
_SOURCES: Final[Mapping[str, _Source]] = {
    "cl100k_base": _Source(
        _HOME + "cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
        r"|\s+(?!\S)|\s",
    ),
    "o200k_base": _Source(
        _HOME + "o200k_base.tiktoken",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
}
"""As in `tiktoken_ext.openai_public` 0.14; an encoding once published does not change."""
_SHIPPED: Final = (("llama_index", "core/_static/tiktoken_cache"), ("litellm", "litellm_core_utils/tokenizers"))
_loading: Final = threading.Lock()


def encoding(name: str) -> Encoding | None:
    """Return an encoding by tiktoken's name for it, None when it is not on this machine; the first time takes 0.3 s.

    Safe from any thread; call it from none that the application waits for.
    """
    with _loading:
        return _load(name)


@functools.cache
def _load(name: str) -> Encoding | None:
    from tiktoken import Encoding, registry  # noqa: PLC0415  the application may never need it

    loaded = registry.ENCODINGS.get(name)
    if loaded is not None or name not in _SOURCES:
        return loaded
    source = _SOURCES[name]
    content = next(_contents(source), None)
    if content is None:
        return None
    return Encoding(name, pat_str=source.pattern, mergeable_ranks=_ranks(content), special_tokens={})


def _contents(source: _Source) -> Iterator[bytes]:
    file = hashlib.sha1(source.url.encode(), usedforsecurity=False).hexdigest()
    for directory in _directories():
        path = directory / file
        if path.is_file() and hashlib.sha256(content := path.read_bytes()).hexdigest() == source.sha256:
            yield content


def _directories() -> Iterator[Path]:
    """Yield where tiktoken keeps what the application had it download, then what other packages ship."""
    named = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    yield Path(named) if named else Path(tempfile.gettempdir(), "data-gym-cache")
    for package, directory in _SHIPPED:
        found = importlib.util.find_spec(package)
        for root in (found and found.submodule_search_locations) or ():
            yield Path(root, directory)


def _ranks(content: bytes) -> dict[bytes, int]:
    pairs = (line.split() for line in content.splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}
