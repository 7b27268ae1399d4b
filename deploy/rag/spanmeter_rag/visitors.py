"""Who asks what, and how it is answered: the same visits in the same order every time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice

from spanmeter_rag.answer import MODES, WAYS, Mode
from spanmeter_rag.questions import questions

_USERS = (("ada", "acme"), ("grace", "acme"), ("alan", "globex"), ("edsger", "initech"), ("barbara", "globex"))
_VISITS_PER_SESSION = 3
_AGAIN_EVERY = 6
_AGAIN_AFTER = 8  # the same way of answering, in another mode


@dataclass(frozen=True, slots=True)
class Visit:
    """One question to the service, in the shape of its `POST /query`."""

    question: str
    way: str
    mode: Mode
    user: str
    session: str
    tenant: str


def visits(number: int) -> Iterator[Visit]:
    """Yield the first visits: every way in every mode within each twelve, and one in six asks again."""
    return islice((_visit(index) for index in count()), number)


def later_visits(*, after: int) -> Iterator[Visit]:
    """Yield the visits that follow, without end."""
    return (_visit(index) for index in count(after))


def _visit(index: int) -> Visit:
    asks_again = index >= _AGAIN_AFTER and index % _AGAIN_EVERY == _AGAIN_EVERY - 1
    first = index - _AGAIN_AFTER if asks_again else index
    user, tenant = _USERS[first % len(_USERS)]
    return Visit(
        question=questions()[first % len(questions())],
        way=WAYS[index % len(WAYS)],
        mode=MODES[index // len(WAYS) % len(MODES)],
        user=user,
        session=f"{user}-{index // (len(_USERS) * _VISITS_PER_SESSION) + 1}",
        tenant=tenant,
    )
