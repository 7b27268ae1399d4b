"""The text that is asked about: the Python language reference that ships inside Python, cut into passages."""

from __future__ import annotations

import pydoc_data.topics
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

_LONGEST = 1200  # characters; some 250 tokens
_PARAGRAPH = re.compile(r"\n\s*\n")
_STATEMENTS = """
assert assignment augassign break class compound continue del else exceptions execmodel for function global if import
naming nonlocal pass raise return try while with yield async context-managers debugger dynamic-features
"""
_DATA_MODEL = """
attribute-access bltin-code-objects bltin-ellipsis-object bltin-null-object bltin-type-objects callable-types
customization numeric-types objects sequence-types specialattrs specialnames string-methods types typesfunctions
typesmapping typesmethods typesmodules typesseq typesseq-mutable dict
"""
_SECTION_OF = dict.fromkeys(_STATEMENTS.split(), "statements") | dict.fromkeys(_DATA_MODEL.split(), "data model")

SECTIONS = ("statements", "data model", "expressions")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of one topic, at most 1,200 characters unless one paragraph is longer."""

    id: str
    section: str
    topic: str
    title: str
    text: str


@cache
def passages() -> tuple[Passage, ...]:
    """Return the whole reference in reading order; the paragraphs of a topic stay in order and none is lost."""
    return tuple(passage for topic in sorted(pydoc_data.topics.topics) for passage in _cut(topic))


def _cut(topic: str) -> Iterator[Passage]:
    text = pydoc_data.topics.topics[topic]
    title = text.split("\n", 1)[0].strip()
    for index, piece in enumerate(_pieces(text)):
        yield Passage(
            id=f"{topic}-{index}", section=_SECTION_OF.get(topic, "expressions"), topic=topic, title=title, text=piece
        )


def _pieces(text: str) -> Iterator[str]:
    piece = ""
    for paragraph in _PARAGRAPH.split(text.strip()):
        longer = f"{piece}\n\n{paragraph}" if piece else paragraph
        if piece and len(longer) > _LONGEST:
            yield piece
            longer = paragraph
        piece = longer
    yield piece
