"""The bearer tokens that a door asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from secrets import compare_digest
from typing import Final, Self

_SCHEME: Final = b"bearer "


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a door, any of which admits, so that one may be replaced while others still use it.

    Only their digests are kept: they are of one length, and nothing that shows this value tells a token.
    """

    digests: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, words: Iterable[str]) -> Self:
        """The tokens as their users write them."""
        return cls(tuple(sha256(word.encode()).digest() for word in words))

    def __bool__(self) -> bool:
        """Whether any token is asked for."""
        return bool(self.digests)

    def admits(self, authorizations: Sequence[bytes]) -> bool:
        """Whether a request with these Authorization headers may pass; without tokens everyone may.

        There has to be exactly one header, since a proxy in front may have looked at another one. The comparison takes
        the same time wherever the values differ and whichever token it is.
        """
        if not self.digests:
            return True
        if len(authorizations) != 1 or authorizations[0][: len(_SCHEME)].lower() != _SCHEME:
            return False
        told = sha256(authorizations[0][len(_SCHEME) :].strip(b" \t")).digest()
        return sum([compare_digest(told, digest) for digest in self.digests]) > 0


NO_TOKENS: Final = Tokens()
