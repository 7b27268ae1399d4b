from __future__ import annotations

from collections import Counter

import numpy as np

from spanmeter_collector.staged import SPAN, Billing, Extents, Kept, Staged, mixed

KEYS = [
    (bytes(15) + trace, bytes(7) + span) for trace, span in ((b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"b", b"1"))
]


def staged() -> Staged:
    """Four spans, the last of which has the ids of the second."""
    spans = np.zeros(4, SPAN)
    spans["ids"] = Extents.of(KEYS, [0] * 4, [0] * 4).ids
    spans["start"] = [1, 2, 3, 4]
    spans["end"] = [5, 6, 7, 8]
    return Staged(spans, np.zeros(4, bool), {})


def test_spans_are_known_by_their_ids() -> None:
    assert [staged().key(number) for number in range(4)] == KEYS
    assert staged().of_traces({KEYS[0][0], bytes(16)}).tolist() == [True, False, True, False]
    assert staged().of_traces(()).tolist() == [False] * 4
    assert staged().of_keys({KEYS[2]: "ours", KEYS[1]: ""}).tolist() == [False, True, True, True]


def test_what_comes_several_times_is_found() -> None:
    assert staged().repeated().tolist() == [False, True, False, True]


def test_extents_are_those_of_the_spans_asked_for() -> None:
    found = staged().extents(np.array([False, True, True, False]))
    both = found.together(Extents.of(KEYS[:1], [9], [10]))
    assert both.ids.tobytes() == b"".join(part for key in (*KEYS[1:3], KEYS[0]) for part in key)
    assert (both.starts.tolist(), both.ends.tolist()) == ([2, 3, 9], [6, 7, 10])


def test_a_hash_is_spread_over_all_its_bits() -> None:
    found = mixed(np.arange(3 * 4096, dtype="<u8").reshape(-1, 3))
    assert len({*found.tolist()}) == 4096
    for shift in (0, 22, 34, 52):
        most = Counter((number >> shift) & 0xFFF for number in found.tolist()).most_common(1)[0][1]
        assert most < 16


def test_ids_that_count_up_in_their_last_bytes_are_spread_too() -> None:
    keys = [request.to_bytes(16) + span.to_bytes(8) for request in range(64) for span in range(512)]
    found = mixed(np.frombuffer(b"".join(keys), "<u8").reshape(-1, 3))
    assert len({*found.tolist()}) == len(keys)
    for shift in (0, 22, 34, 52):
        most = Counter((number >> shift) & 0xFFF for number in found.tolist()).most_common(1)[0][1]
        assert most < 40


def test_what_is_kept_knows_how_much_it_is() -> None:
    assert (len(Kept(bytes(48))), Kept(bytes(48)).calls) == (2, 0)
    assert Kept(bytes(48), billing=Billing(bytes(4), bytes(24), 1, "1")).calls == 1
