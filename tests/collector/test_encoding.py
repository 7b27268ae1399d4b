from __future__ import annotations

import gzip
import sys
import zlib

import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from spanmeter_collector.encoding import EncodingError, TooLargeError, decode

BODY = b"a span and another span " * 40
BARE = zlib.compressobj(wbits=-15)
COMPRESSED = {
    "": BODY,
    "identity": BODY,
    "gzip": gzip.compress(BODY),
    "zstd": zstd.compress(BODY),
    "deflate": zlib.compress(BODY),
    "zlib": zlib.compress(BODY),
}


@pytest.mark.parametrize("encoding", COMPRESSED)
def test_every_encoding_is_undone(encoding: str) -> None:
    assert decode(f" {encoding.upper()} ", COMPRESSED[encoding], most_bytes=len(BODY)) == BODY


def test_deflate_without_zlibs_header_is_taken_too() -> None:
    assert decode("deflate", BARE.compress(BODY) + BARE.flush(), most_bytes=len(BODY)) == BODY


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "deflate"])
def test_several_members_are_one_body(encoding: str) -> None:
    assert decode(encoding, COMPRESSED[encoding] * 2, most_bytes=2 * len(BODY)) == BODY * 2


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "deflate"])
@pytest.mark.parametrize("members", [1, 2])
def test_more_than_is_allowed_is_refused(encoding: str, members: int) -> None:
    with pytest.raises(TooLargeError):
        decode(encoding, COMPRESSED[encoding] * members, most_bytes=members * len(BODY) - 1)


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "deflate"])
@pytest.mark.parametrize("damage", [slice(None, -4), slice(1, None), slice(0, 1)])
def test_what_is_cut_off_or_damaged_is_refused(encoding: str, damage: slice) -> None:
    with pytest.raises(EncodingError, match=f"the body is not {encoding}: "):
        decode(encoding, COMPRESSED[encoding][damage], most_bytes=10_000)


def test_a_zstd_frame_that_wants_a_window_of_gigabytes_is_refused() -> None:
    options = {int(zstd.CompressionParameter.window_log): 27}
    compressor = zstd.ZstdCompressor(options=options)
    frame = compressor.compress(BODY) + compressor.flush()

    with pytest.raises(EncodingError, match="the body is not zstd: "):
        decode("zstd", frame, most_bytes=10_000)


def test_an_unknown_encoding_is_no_encoding() -> None:
    with pytest.raises(LookupError):
        decode("br", BODY, most_bytes=10_000)
