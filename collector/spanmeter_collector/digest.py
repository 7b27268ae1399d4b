"""A digest: what stands for the records of one insert, by what names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

_NAMING: Final = ("trace_id", "span_id", "entry", "component", "reason")


def digest(columns: Mapping[str, Sequence[Any]]) -> str:
    """The same for the same records in the same order, and another for others, as far as columns name them.

    It is part of the token by which the engine knows an insert again: a batch of which a part is stored comes again
    with fewer records, and those must not be taken for the ones before.
    """
    found = blake2b(digest_size=16)
    for name in _NAMING:
        if column := columns.get(name):
            found.update(b"".join(column) if isinstance(column[0], bytes) else "\0".join(column).encode())
    return found.hexdigest()
