"""The content encodings of a body: what a sender may have compressed it with, undone within a bound."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Final, Protocol

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

_GZIP: Final = 31
_ZLIB: Final = 15
_BARE: Final = -15
_ZSTD_OPTIONS: Final = {int(DecompressionParameter.window_log_max): 25}
"""A frame may ask its reader to hold a window of gigabytes; the Collector's encoder asks for 32 MiB at most."""


class EncodingError(ValueError):
    """A body is not what its content encoding says; the message says why."""


class TooLargeError(ValueError):
    """A body is larger than it may be once it is decompressed."""


class _Stream(Protocol):
    """One member of a compressed body."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def decode(encoding: str, body: bytes, *, most_bytes: int) -> bytes:
    """Undo a content encoding; not more than `most_bytes` are ever held, however small the body is.

    Raises:
        LookupError: the encoding is none of `ENCODINGS`.
        EncodingError: the body is cut off or not in this encoding.
        TooLargeError: there is more than `most_bytes` in it.
    """
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return body
    start = _STREAMS[encoding]
    try:
        return _decompressed(start, body, most_bytes)
    except (zlib.error, ZstdError, EOFError) as error:
        raise EncodingError(f"the body is not {encoding}: {error}") from error


def _decompressed(start: Callable[[bytes], _Stream], body: bytes, most_bytes: int) -> bytes:
    parts, left = [], most_bytes
    while body:
        stream = start(body)
        parts.append(stream.decompress(body, left + 1))
        left -= len(parts[-1])
        if left < 0:
            raise TooLargeError
        if not stream.eof:
            raise EOFError("the stream is cut off")
        body = stream.unused_data
    return b"".join(parts)


def _deflate(body: bytes) -> _Stream:
    """HTTP's deflate is zlib's format; some senders leave zlib's two bytes of header away."""
    has_header = len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2]) % 31 == 0
    return zlib.decompressobj(wbits=_ZLIB if has_header else _BARE)


# HTTP knows no zlib, the OpenTelemetry Collector calls deflate so.
_STREAMS: Final[Mapping[str, Callable[[bytes], _Stream]]] = {
    "gzip": lambda _: zlib.decompressobj(wbits=_GZIP),
    "zstd": lambda _: ZstdDecompressor(options=_ZSTD_OPTIONS),
    "deflate": _deflate,
    "zlib": _deflate,
}
ENCODINGS: Final = (*_STREAMS, "identity")
