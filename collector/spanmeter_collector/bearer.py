"""The bearer token that a door asks for."""

from __future__ import annotations

from secrets import compare_digest


def is_authorized(authorization: bytes, token: str) -> bool:
    """Whether the value of an Authorization header carries the token; an empty token admits everyone.

    The comparison takes the same time wherever the values differ.
    """
    return not token or compare_digest(authorization, b"Bearer " + token.encode())
