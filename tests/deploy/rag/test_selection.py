from __future__ import annotations

from prometheus_client import CollectorRegistry

from spanmeter_rag.answer import Source
from spanmeter_rag.effects import EffectCounters
from spanmeter_rag.selection import count_tokens, select
from spanmeter_rag.settings import Retrieval


def _source(name: str, score: float, words: int = 2) -> Source:
    return Source(id=name, title=f"Title {name}", text=" ".join(["word"] * words), score=score)


def test_the_best_come_first_and_each_passage_once() -> None:
    found = [_source("a", 0.2), _source("b", 0.5), _source("a", 0.2), _source("c", 0.1)]
    assert select(found, Retrieval(top_k=2)) == (_source("b", 0.5), _source("a", 0.2))


def test_what_exceeds_the_budget_is_cut_and_what_hardly_fits_is_dropped() -> None:
    found = [_source("a", 0.9, words=60), _source("b", 0.8, words=60), _source("c", 0.7, words=60)]
    kept = select(found, Retrieval(context_tokens=100))
    assert [(source.id, len(source.text.split())) for source in kept] == [("a", 60), ("b", 36)]
    assert sum(count_tokens(source.title) + count_tokens(source.text) for source in kept) <= 100


def test_what_is_not_sent_is_counted() -> None:
    found = [_source("a", 0.9, words=60), _source("b", 0.8, words=60), _source("c", 0.7, words=60)]
    counters = EffectCounters(CollectorRegistry())
    with counters.gather() as told:
        select(found, Retrieval(context_tokens=100, top_k=2))
        select(found, Retrieval())
    each = count_tokens("Title a") + 60
    assert told == {
        "context_limit": {"count": 1, "tokens": 2 * each - 100},
        "top_k": {"count": 1, "tokens": each},
    }
