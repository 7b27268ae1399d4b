"""What a call asked, known again without being kept: keyed hashes of it, as attributes of its span.

A hash is the first 64 bits of an HMAC-SHA256 (https://www.rfc-editor.org/rfc/rfc2104): who reads spans and has no key
can tell that two calls asked the same, and nothing else; guesses at a prompt cannot be tried.
"""

from __future__ import annotations

import functools
import hashlib
import json
import marshal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spanmeter import semconv
from spanmeter.hash_key import hash_key
from spanmeter.opening import Attributes, AttributeValue

FIRST_PREFIX: Final = 4096
"""Bytes of the shortest prefix that is hashed, each next is twice as long. Less than this no provider caches."""
MOST_PREFIXES: Final = 8
MOST_TEXTS: Final = 65_536
"""How many texts of embeddings a process knows again at least; it forgets those that were asked longest ago."""
_BLOCK: Final = 64
_DIGITS: Final = 16
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))


class Hasher:
    """Makes hashes with one key; equal to the standard library's `hmac`, whose set-up is done once here."""

    def __init__(self, key: bytes) -> None:
        block = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._outer = hashlib.sha256(block.translate(_OUTER))

    def hash(self, data: bytes) -> str:
        """The hash of some bytes, in 16 hexadecimal digits."""
        state, outer = self._inner.copy(), self._outer.copy()
        state.update(data)
        outer.update(state.digest())
        return str(outer.hexdigest()[:_DIGITS])

    def hashes(self, body: bytes, rest: bytes) -> tuple[str, str]:
        """The hash of both together, and those of each long enough prefix of the body, one after the other."""
        if len(body) < FIRST_PREFIX:
            return self.hash(body + rest), ""
        state = self._inner.copy()
        prefixes: list[str] = []
        done, end = 0, FIRST_PREFIX
        while end <= len(body) and len(prefixes) < MOST_PREFIXES:
            state.update(body[done:end])
            prefixes.append(self._finished(state.copy()))
            done, end = end, end * 2
        state.update(body[done:] + rest)
        return self._finished(state), "".join(prefixes)

    def _finished(self, state: Any) -> str:  # noqa: ANN401  hashlib does not name its type
        outer = self._outer.copy()
        outer.update(state.digest())
        return str(outer.hexdigest()[:_DIGITS])


@dataclass(slots=True, unsafe_hash=True)  # not frozen: one is made for every call
class Asked:
    """What a model was asked: the `forms` that go before the `texts`, and `options` that shape answers.

    The first of the texts says whose model it is. Everything in it is copied or can not change, so that hashing can
    wait for the end of the call.
    """

    forms: bytes
    texts: Sequence[str]
    options: bytes

    def attributes(self, *, answered: bool) -> Attributes:  # noqa: ARG002  as for `AskedTexts`
        """Its hash and length in bytes, for a prompt that is long enough with the hashes of its prefixes."""
        hasher = _hasher()
        if hasher is None:
            return {}
        body = self.forms + "\0".join(self.texts).encode(errors="surrogatepass")
        whole, prefixes = hasher.hashes(body, b"\0%d\0%s" % (len(self.texts), self.options))
        told: dict[str, AttributeValue] = {semconv.PROMPT_HASH: whole, semconv.PROMPT_BYTES: len(body)}
        if prefixes:
            told[semconv.PROMPT_PREFIXES] = prefixes
        return told


@dataclass(slots=True, unsafe_hash=True)
class AskedTexts:
    """Texts to be embedded by `whom`, read when the call has ended."""

    whom: str
    texts: Callable[[], Sequence[str]]

    def attributes(self, *, answered: bool) -> Attributes:
        """The hash of all of them together, and how many bytes of them this process had had embedded before."""
        hasher, texts = _hasher(), self.texts()
        if hasher is None or not texts:
            return {}
        start = self.whom.encode(errors="surrogatepass") + b"\0"
        each = [text.encode(errors="surrogatepass") for text in texts]
        hashes = [hasher.hash(start + text) for text in each]
        told: dict[str, AttributeValue] = {
            semconv.PROMPT_HASH: hashes[0] if len(hashes) == 1 else hasher.hash("".join(hashes).encode())
        }
        if repeated := sum(len(text) for text, known in zip(each, hashes, strict=True) if known in _known):
            told[semconv.PROMPT_BYTES] = sum(map(len, each))
            told[semconv.PROMPT_REPEATED_BYTES] = repeated
        if answered:
            _known.add(hashes)
        return told


class _Known:
    """Hashes seen lately: two generations, of which the older one goes when the younger is full."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._young: set[str] = set()
        self._old: set[str] = set()

    def __contains__(self, known: str) -> bool:
        return known in self._young or known in self._old

    def add(self, hashes: Iterable[str]) -> None:
        for known in hashes:
            if len(self._young) >= self._room:
                self._old, self._young = self._young, set()
            self._young.add(known)


_known: Final = _Known(MOST_TEXTS)


@functools.cache
def _hasher() -> Hasher | None:
    key = hash_key()
    return None if key is None else Hasher(key)


def is_hashing() -> bool:
    """Whether anything is hashed in this process."""
    return _hasher() is not None


def spelled(value: Any) -> bytes:  # noqa: ANN401  whatever a framework sends
    """Spell what a framework sends beside texts; what has no spelling that every process shares equals nothing else."""
    try:
        return marshal.dumps(value, 0)  # four times as fast as JSON, and version 0 has one form for equal values
    except ValueError:
        return json.dumps(value, default=repr, sort_keys=True, skipkeys=True).encode(errors="surrogatepass")


def without(options: Mapping[str, Any], names: frozenset[str]) -> Mapping[str, Any]:
    """The options that shape an answer, without those of these names."""
    return options if names.isdisjoint(options) else {key: options[key] for key in options if key not in names}


def spelled_text(value: Any) -> str:  # noqa: ANN401  as above
    """The same as a text."""
    return spelled(value).decode("latin-1")
