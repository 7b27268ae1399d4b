"""Answers taken from the text in the prompt: the sentences that share most with the question."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from spanmeter_rag.provider.words import keywords, terms

NOTHING_FOUND = "The passages I was given do not answer that."
_SENTENCES = 3
_BREAK = re.compile(r"(?<=[.!?:])\s+(?=[A-Z\"*\[(`_])|\n\s*\n")
_RULE = re.compile(r"[*=~^\-]{3,}|[|+](?=[\s|+])")
_SPACE = re.compile(r"\s+")


def extract(question: str, context: str) -> str:
    """Return up to three sentences of the context, in its order; without a context the question's keywords."""
    if not context.strip():
        return " ".join(keywords(question)) or NOTHING_FOUND
    sentences = list(dict.fromkeys(_sentences(context)))
    chosen = sorted(_best(frozenset(terms(question)), sentences))
    return " ".join(sentences[index] for index in chosen) or NOTHING_FOUND


def _sentences(context: str) -> Iterable[str]:
    for part in _BREAK.split(context):
        sentence = _SPACE.sub(" ", _RULE.sub(" ", part)).strip()
        if 30 <= len(sentence) <= 600:
            yield sentence


def _best(wanted: frozenset[str], sentences: Sequence[str]) -> list[int]:
    words = [frozenset(terms(sentence)) for sentence in sentences]
    frequency = Counter(word for sentence in words for word in sentence)
    scores = [_score(wanted & sentence, frequency, len(sentences), len(sentence)) for sentence in words]
    ranked = sorted(range(len(sentences)), key=lambda index: (-scores[index], index))
    return [index for index in ranked[:_SENTENCES] if scores[index] > 0]


def _score(shared: frozenset[str], frequency: Counter[str], sentences: int, length: int) -> float:
    weight = sum(math.log(1 + sentences / frequency[word]) for word in shared)
    return weight / math.sqrt(4 + length)
