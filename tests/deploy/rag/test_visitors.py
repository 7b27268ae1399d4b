from __future__ import annotations

from itertools import islice, product

from spanmeter_rag.answer import MODES, WAYS
from spanmeter_rag.questions import questions
from spanmeter_rag.visitors import later_visits, visits


def test_twelve_visits_take_every_way_in_every_mode() -> None:
    assert {(visit.way, visit.mode) for visit in visits(12)} == set(product(WAYS, MODES))


def test_every_question_is_asked_within_one_round() -> None:
    assert [visit.question for visit in visits(len(questions()))] == list(questions())


def test_later_visits_go_on_where_the_first_ended() -> None:
    assert [*visits(7), *islice(later_visits(after=7), 5)] == list(visits(12))


def test_several_tenants_have_users_with_several_sessions() -> None:
    some = list(visits(60))
    assert len({visit.tenant for visit in some}) == 3
    assert len({visit.user for visit in some}) == 5
    assert len({visit.session for visit in some if visit.user == "ada"}) == 4
