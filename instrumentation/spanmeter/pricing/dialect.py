"""How a provider's usage object is read: where each number stands in it, and what its wholes include.

Paths are dotted and separated by blanks, the first that holds a number counts. A step `field=value` adds up
the matching items of a list, a step `*` all of them, a step `=value|other` counts the items that are equal to one of
these. Paths that end in `+` are added up instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from spanmeter.pricing.counts import LARGEST, Counts, count
from spanmeter.pricing.usage import UNIT_BUCKETS

_READABLE: Final = 10**20
_UNITS: Final = frozenset(UNIT_BUCKETS)
# Google's protocol buffers number their modalities: https://ai.google.dev/api/generate-content#Modality.
_NUMBERED: Final = {1: "TEXT", 2: "IMAGE", 3: "VIDEO", 4: "AUDIO", 5: "DOCUMENT"}

Path = tuple[str, ...]
Paths = Mapping[str, tuple[Path, ...]]


@dataclass(slots=True)
class _Node:
    """Where paths go on from a key. A path that ends here has a rank: the lower it is, the sooner its number counts."""

    name: str = ""
    rank: int = 0
    adds: bool = False
    children: dict[str, _Node] = field(default_factory=dict)

    @classmethod
    def of(cls, paths: Paths) -> _Node:
        root = cls()
        for name, ranked in paths.items():
            for rank, path in enumerate(ranked):
                node = root
                for step in path:
                    node = node.children.setdefault(step.removesuffix("+"), cls())
                node.name, node.rank, node.adds = name, rank, path[-1].endswith("+")
        return root


@dataclass(frozen=True, slots=True)
class Dialect:
    """Paths per field of `Counts` and per unit of `Usage`, and what input and output include.

    `surplus_is_reasoning` says that tokens of the total beyond input and output were thought.
    """

    paths: Paths
    root: _Node = field(repr=False, compare=False)
    input_includes_cache: bool = True
    output_includes_reasoning: bool = True
    surplus_is_reasoning: bool = False

    @classmethod
    def of(cls, paths: Paths, **flags: bool) -> Dialect:
        """The dialect with these paths."""
        return cls(paths, _Node.of(paths), **flags)

    @classmethod
    def listed(cls, fields: Mapping[str, str], **flags: bool) -> Dialect:
        """The dialect whose paths are written as the module says."""
        paths = {name: tuple(tuple(path.split(".")) for path in told.split()) for name, told in fields.items()}
        return cls.of(paths, **flags)

    def speaks(self, payload: Mapping[str, Any]) -> bool:
        """Whether any key of an object is a word of this dialect."""
        return not self.root.children.keys().isdisjoint(payload)

    def counts(self, payload: Mapping[str, Any], notes: list[str]) -> Counts:
        """The numbers of one usage object; `notes` gets a sentence for each that is no count, such as -1."""
        found = _Found({}, {}, notes)
        _collect(payload, self.root.children, found)
        told: dict[str, Any] = found.numbers
        if not _UNITS.isdisjoint(told):
            told["units"] = {name: told.pop(name) for name in UNIT_BUCKETS if name in told}
        return Counts(
            **told,
            input_includes_cache=self.input_includes_cache,
            output_includes_reasoning=self.output_includes_reasoning,
            surplus_is_reasoning=self.surplus_is_reasoning,
        )


class _Found(NamedTuple):
    """Numbers by name, the rank of the path that told each where it was not the first, and what was no number."""

    numbers: dict[str, int]
    ranks: dict[str, int]
    notes: list[str]


def _collect(payload: Mapping[str, Any], children: Mapping[str, _Node], found: _Found) -> None:
    """Walk the payload, not the table: this runs for every call of an application."""
    for key, value in payload.items():
        child = children.get(key)
        if child is None or value is None:
            continue
        if child.name:
            number = value if type(value) is int and 0 <= value <= LARGEST else count(value)
            if number is None:
                found.notes.append(no_count(key, value))
            else:
                _keep(number, child, found)
        elif type(value) is dict or isinstance(value, Mapping):
            _collect(value, child.children, found)
        elif isinstance(value, (list, tuple)):
            for step, end in child.children.items():
                _keep(_add_up(value, step, end, found.notes), _last(end), found)


def _keep(number: int, node: _Node, found: _Found) -> None:
    name = node.name
    if name not in found.numbers or node.rank < found.ranks.get(name, 0):
        found.numbers[name] = number
        if node.rank:
            found.ranks[name] = node.rank
        else:
            found.ranks.pop(name, None)
    elif node.adds:
        found.numbers[name] += number


def no_count(key: str, value: object) -> str:
    """The sentence for a number that is none, such as -1."""
    return f"{key} is {_shown(value)}, which is no count"


def _shown(value: object) -> str:
    if isinstance(value, str):
        return repr(value[:40])
    return str(value) if isinstance(value, float | int) and abs(value) < _READABLE else type(value).__name__


def _add_up(items: list[object] | tuple[object, ...], step: str, node: _Node, notes: list[str]) -> int:
    name, _, wanted = step.partition("=")
    if not name:
        return sum(item in wanted.split("|") for item in items)
    total = 0
    for item in items:
        if isinstance(item, Mapping) and (step == "*" or _is(item.get(name), wanted)):
            total += sum(_number(item, key, notes) for key in node.children)
    return total


def _number(item: Mapping[str, Any], key: str, notes: list[str]) -> int:
    value = item.get(key)
    number = 0 if value is None else count(value)
    if number is None:
        notes.append(no_count(key, value))
    return number or 0


def _is(value: object, wanted: str) -> bool:
    """Whether a word is the wanted one: as text, as `MediaModality.AUDIO`, or as a number of a protocol buffer."""
    if isinstance(value, str):
        return value == wanted or value.upper().rpartition(".")[2] == wanted.upper()
    return isinstance(value, int) and _NUMBERED.get(value) == wanted


def _last(node: _Node) -> _Node:
    return next(iter(node.children.values()), node)
