from __future__ import annotations

import pytest

from spanmeter_collector import recent
from spanmeter_collector.recent import Recent, Unknown
from spanmeter_collector.staged import Extents

DAY_NS = 86_400_000_000_000
NOW = 20_000 * DAY_NS + 5
ONE, TWO = (number.to_bytes(16) for number in (1, 2))
OURS = {("shop", "spanmeter.langchain")}
OTHERS = {("shop", "openinference.instrumentation.openai")}


def doubted(memory: Recent, *spans: tuple[bytes, int], start: int = NOW, others: tuple[bytes, ...] = ()) -> set[bytes]:
    """The traces that are doubted of these spans, each of which is named by its trace and a number."""
    keys = [(trace_id, number.to_bytes(8)) for trace_id, number in spans]
    return memory.doubtful(Extents.of(keys, [start] * len(keys), [start + 1] * len(keys)), others=others)


def test_only_the_trace_of_a_span_that_came_before_is_doubted() -> None:
    memory = Recent({}, opened_at=NOW)
    assert doubted(memory, (ONE, 1), (ONE, 2), (TWO, 1)) == set()
    assert doubted(memory, (ONE, 3), (TWO, 2)) == set()
    assert doubted(memory, (ONE, 2), (TWO, 3)) == {ONE}


@pytest.mark.parametrize(("first", "second"), [((ONE,), ()), ((), (ONE,)), ((ONE,), (ONE,))])
def test_a_trace_that_goes_on_is_doubted_where_others_told_of_its_calls(
    first: tuple[bytes, ...], second: tuple[bytes, ...]
) -> None:
    memory = Recent({}, opened_at=NOW)
    assert doubted(memory, (ONE, 1), (TWO, 1), others=first) == set()
    assert doubted(memory, (ONE, 2), (TWO, 2), others=second) == {ONE}


def test_what_began_when_something_stored_had_is_doubted() -> None:
    memory = Recent({19_999: 19_999 * DAY_NS + 100}, opened_at=NOW + 1)
    starts = {start: bool(doubted(memory, (ONE, start % 1000), start=start)) for start in (
        19_998 * DAY_NS, 19_999 * DAY_NS + 100, 19_999 * DAY_NS + 101, NOW + 1, NOW + 2,
    )}  # fmt: skip
    assert list(starts.values()) == [False, True, False, True, False]


def test_what_began_when_something_forgotten_had_is_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "_MOST_ITEMS", 100)
    memory = Recent({}, opened_at=NOW)
    for number in range(100):
        assert doubted(memory, (number.to_bytes(16, "little"), 1), start=NOW + number) == set()
    assert doubted(memory, (TWO, 1), start=NOW) == {TWO}
    assert doubted(memory, (TWO, 2), start=NOW + 99) == set()


def test_which_instrumentations_told_of_calls_under_way_is_known() -> None:
    memory = Recent({}, opened_at=NOW)
    assert memory.tell(OURS, since=0, until=10) == set()
    assert memory.tell(OTHERS, since=10, until=20) == {"spanmeter.langchain"}
    assert memory.tell(OURS, since=11, until=30) == {"openinference.instrumentation.openai"}
    assert memory.tell({("bar", "x")}, since=11, until=30) == set()


def test_who_told_of_calls_before_the_start_or_what_is_forgotten_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Recent({20_000: NOW, 90_000: 90_000 * DAY_NS}, opened_at=NOW)
    assert memory.tell(OURS, since=NOW + 60_000_000_000, until=NOW + 60_000_000_001) is None
    assert memory.tell(OURS, since=NOW + 60_000_000_001, until=NOW + 60_000_000_002) == {"spanmeter.langchain"}
    monkeypatch.setattr(recent, "_MOST_TELLERS", 1)
    assert memory.tell(OTHERS, since=NOW + 60_000_000_001, until=NOW + 70_000_000_000) == {"spanmeter.langchain"}
    assert memory.tell(OTHERS, since=NOW + 70_000_000_000, until=NOW + 70_000_000_001) is None
    assert memory.tell(OTHERS, since=NOW + 70_000_000_002, until=NOW + 70_000_000_003) == set()


def test_a_store_that_others_write_to_is_asked_about_everything() -> None:
    spans = Extents.of([(ONE, bytes(8)), (TWO, bytes(8))], [1, 1], [1, 1])
    assert Unknown().doubtful(spans, others=()) == {ONE, TWO}
    assert Unknown().tell(OURS, since=1, until=1) is None
