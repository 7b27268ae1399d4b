"""Which models of a bill are which of the ledger: names with and without their date, and names made for people."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

_PREFIX: Final = re.compile(r"^(?:models/|openai/|anthropic/)")
_DATE: Final = re.compile(r"(?:[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4})|-latest)$")


def plain(name: str) -> str:
    """A name as APIs write it: `Claude Haiku 4.5` is claude-haiku-4-5."""
    written = _PREFIX.sub("", re.sub(r"[\s_]+", "-", name.strip().lower()))
    return written.replace(".", "-") if written.startswith("claude") else written


def family(name: str) -> str:
    """A name without its date; of Claude's, the words before the numbers, for they stood the other way round once."""
    undated = _DATE.sub("", plain(name))
    if not undated.startswith("claude-"):
        return undated
    parts = undated.split("-")[1:]
    words = [part for part in parts if not part.isdecimal()]
    return "-".join(["claude", *words, *(part for part in parts if part.isdecimal())])


def pair(billed: Iterable[str], known: Iterable[str]) -> Mapping[str, str]:
    """The label under which each name of the bill and of the ledger is compared.

    Equal names are one model. Of the others, those of one family are compared together when both sides have some: an
    alias in one and dated names in the other cannot be told apart further.
    """
    sides: tuple[dict[str, set[str]], ...] = (defaultdict(set), defaultdict(set))
    for side, names in zip(sides, (billed, known), strict=True):
        for name in names:
            side[plain(name)].add(name)
    labels = {name: written for side in sides for written, names in side.items() for name in names}
    left = [set(side) - set(other) for side, other in (sides, sides[::-1])]
    for written in left[0] | left[1]:
        relatives = [[other for other in names if family(other) == family(written)] for names in left]
        if all(relatives):
            label, together = _label(relatives), set().union(*relatives)
            labels |= {name: label for side in sides for other in together & side.keys() for name in side[other]}
    return labels


def _label(relatives: list[list[str]]) -> str:
    """The dated name where there is only one, for it says most; else the family's."""
    dated = {name for names in relatives for name in names if _DATE.search(name) and not name.endswith("-latest")}
    return dated.pop() if len(dated) == 1 else family(relatives[0][0])
