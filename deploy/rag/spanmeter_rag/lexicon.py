"""A search by words alone, for when there is no provider that could embed the question."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

from spanmeter_rag.answer import Source, Sources
from spanmeter_rag.corpus import Passage

_WORD: Final = re.compile(r"\w+")
_SATURATION: Final = 1.2
_LENGTH_WEIGHT: Final = 0.75


class Lexicon:
    """Ranks passages by BM25 (Robertson and Zaragoza, https://doi.org/10.1561/1500000019), with its usual constants."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._passages = {passage.id: passage for passage in passages}
        counts = {passage.id: Counter(_words(passage.text)) for passage in self._passages.values()}
        self._lengths = {each: count.total() for each, count in counts.items()}
        self._mean = sum(self._lengths.values()) / max(1, len(counts))
        self._occurrences: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for each, count in counts.items():
            for word, times in count.items():
                self._occurrences[word][each] = times

    def search(self, question: str, *, count: int) -> Sources:
        """Return the passages that share most with the question, scored as a share of the best."""
        scores: defaultdict[str, float] = defaultdict(float)
        for word in set(_words(question)) & self._occurrences.keys():
            for each, times in self._occurrences[word].items():
                scores[each] += self._weight(word) * self._saturated(times, self._lengths[each])
        ranked = sorted(scores.items(), key=lambda scored: (-scored[1], scored[0]))[:count]
        best = ranked[0][1] if ranked else 1.0
        return tuple(self._source(each, score / best) for each, score in ranked)

    def _weight(self, word: str) -> float:
        found = len(self._occurrences[word])
        return math.log(1 + (len(self._passages) - found + 0.5) / (found + 0.5))

    def _saturated(self, times: int, length: int) -> float:
        norm = 1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * length / self._mean
        return times * (_SATURATION + 1) / (times + _SATURATION * norm)

    def _source(self, passage_id: str, score: float) -> Source:
        passage = self._passages[passage_id]
        return Source(passage.id, passage.title, passage.text, score)


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
