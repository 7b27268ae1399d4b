"""One of several callers leads, and what it brings reaches all."""

from __future__ import annotations

import pytest

from spanmeter.cache.entry import Entry
from spanmeter.cache.flight import Flights
from spanmeter.cache.memory import Held


def test_the_first_leads_and_the_others_get_what_it_brings() -> None:
    flights, held = Flights(), Held(Entry(b""), lambda: 1)
    leads, *flying = (flights.board("a") for _ in range(3))
    flights.land("a", held)

    assert leads is None
    assert [flights.wait("a", flight) for flight in flying if flight] == [held, held]


def test_after_a_landing_another_leads() -> None:
    flights = Flights()
    flights.board("a")
    flights.land("a", None)

    assert flights.board("a") is None


def test_keys_fly_apart() -> None:
    flights = Flights()

    assert [flights.board("a"), flights.board("b")] == [None, None]


def test_the_code_that_computes_a_key_is_known_where_it_runs() -> None:
    flights = Flights()
    with flights.leading("a"), flights.leading("b"):
        inside = [flights.is_led_here(key) for key in "abc"]

    assert (inside, flights.is_led_here("a"), Flights().is_led_here("a")) == ([True, True, False], False, False)


def test_a_leader_that_is_gone_lands_for_all() -> None:
    flights = Flights()
    flights.board("a", is_led=lambda: False)
    (flight,) = [flights.board("a")]
    assert flight is not None

    assert (flights.wait("a", flight), flight.landed.result(0), flights.board("a")) == (None, None, None)


def test_nobody_blocks_the_thread_that_its_leader_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights()
    flights.board("a")
    (flight,) = [flights.board("a")]
    assert flight is not None
    monkeypatch.setattr(flight.landed, "result", lambda _: pytest.fail("it waits"))

    assert flights.wait("a", flight) is None
