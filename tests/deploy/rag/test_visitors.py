from __future__ import annotations

from itertools import islice, product

from spanmeter_rag.answer import MODES, WAYS
from spanmeter_rag.questions import questions
from spanmeter_rag.visitors import Visit, later_visits, visits


def test_twelve_visits_take_every_way_in_every_mode() -> None:
    assert {(visit.way, visit.mode) for visit in visits(12)} == set(product(WAYS, MODES))


def test_every_question_is_asked_within_two_rounds() -> None:
    assert {visit.question for visit in visits(2 * len(questions()))} == set(questions())


def test_one_visit_in_six_asks_what_its_tenant_asked_before_in_the_same_way() -> None:
    def asked(visit: Visit) -> tuple[str, str, str]:
        return (visit.question, visit.way, visit.tenant)

    some = list(visits(36))
    again = [index for index, visit in enumerate(some) if asked(visit) in map(asked, some[:index])]
    assert again == [11, 17, 23, 29, 35]
    assert all(some[index].mode != some[index - 8].mode for index in again)


def test_later_visits_go_on_where_the_first_ended() -> None:
    assert [*visits(7), *islice(later_visits(after=7), 5)] == list(visits(12))


def test_several_tenants_have_users_with_several_sessions() -> None:
    some = list(visits(60))
    assert len({visit.tenant for visit in some}) == 3
    assert len({visit.user for visit in some}) == 5
    assert len({visit.session for visit in some if visit.user == "ada"}) == 4
