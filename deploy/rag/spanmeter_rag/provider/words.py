"""The words of a text that say what it is about, in a form in which related words are equal."""

from __future__ import annotations

import re
from keyword import iskeyword

_STOP_WORDS = """
a about above actually after all also an and another any are as at be because been before between both but by can could
did do does doing done each every example explain for from get gets give had happen has have how i if in into is it its
just like make makes many may mean means me more most much must my no not now of on one only or other our out over own
python really same say see should so some still such tell than that the their them then there these they this those to
too under up us use used using very want was way we well were what when where whether which while who why will with
without work works would you your doesn don isn
"""
_STOPPED = frozenset(_STOP_WORDS.split())
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[^\w\s]{2,3}|[%@&|^~]")
_NAMED = re.compile(r"[\"'`](\w+)[\"'`]|\b(\w+)(?=\s+(?:statement|clause|keyword|loop|operator|expression|block)s?\b)")
_ENDINGS = (
    *("ations", "ation", "ating", "ated", "ates", "ate", "ments", "ment", "ings", "ing"),
    *("ers", "ies", "ied", "es", "ed", "er", "s", "e", "y"),
)


def terms(text: str) -> list[str]:
    """Return the telling words of a text: lower case, without stop words and common endings.

    A word of the language, such as "with" in quotes or before "statement", counts as its own term.
    """
    lower = text.lower()
    named = (quoted or before for quoted, before in _NAMED.findall(lower))
    words = [f"<{word}>" for word in named if iskeyword(word)]
    return words + [_stem(word) for word in _WORD.findall(lower) if word not in _STOPPED]


def keywords(text: str) -> list[str]:
    """Return the telling words of a text as they are written, each once, words of the language in quotes."""
    named = [word for pair in _NAMED.findall(text) for word in pair if iskeyword(word)]
    telling = (word for word in _WORD.findall(text) if word.lower() not in _STOPPED and word not in named)
    words = (word for word in telling if word[0].isalpha() or word[0] == "_")
    return list(dict.fromkeys((*(f'"{word}"' for word in named), *words)))


def _stem(word: str) -> str:
    if word.startswith("_") or len(word) < 5:
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word
