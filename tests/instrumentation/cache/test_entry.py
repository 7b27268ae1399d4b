"""Entries are written for one place and read there alone, whole."""

from __future__ import annotations

import pickle
from decimal import Decimal

import pytest

from spanmeter.cache.entry import Entry, read_entry, write_entry

ENTRY = Entry(b"payload", expires_at=1_800_000_000.5, saved_usd=Decimal("0.000000000001"))


@pytest.mark.parametrize("entry", [ENTRY, Entry(b""), Entry(b"\x00{}", saved_usd=Decimal(0))])
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    assert read_entry(write_entry(entry, place="a:1"), place="a:1") == entry


def test_every_damaged_byte_is_seen() -> None:
    written = write_entry(ENTRY, place="a:1")
    damaged = [written[:at] + bytes([written[at] ^ 1]) + written[at + 1 :] for at in range(len(written))]

    assert [read_entry(one, place="a:1") for one in damaged] == [None] * len(written)


def test_every_lost_tail_is_seen() -> None:
    written = write_entry(ENTRY, place="a:1")

    assert [read_entry(written[:length], place="a:1") for length in range(len(written))] == [None] * len(written)


@pytest.mark.parametrize("foreign", [b"", b"SMC1", b"{}", pickle.dumps(ENTRY), write_entry(ENTRY, place="a:2")])
def test_what_belongs_elsewhere_is_no_entry(foreign: bytes) -> None:
    assert read_entry(foreign, place="a:1") is None


def test_an_entry_holds_until_it_expires() -> None:
    entry = Entry(b"", expires_at=10.0)

    assert [entry.holds(9.9), entry.holds(10.0), Entry(b"").holds(1e12)] == [True, False, True]
