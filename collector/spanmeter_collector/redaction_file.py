"""The file of redaction rules, read and checked at the start. deploy/redact.example.toml describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spanmeter.pricing.key_lines import line_of
from spanmeter_collector.redaction import DROP, HASH, LEDGER_KEYS, REPLACE, Rule, compiled
from spanmeter_collector.setting import SettingError
from spanmeter_collector.toml_file import read_toml

VARIABLE: Final = "SPANMETER_REDACT"
SETS: Final[Mapping[str, str]] = {
    "emails": r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b",
    "api_keys": (
        r"\b(?:sk|pk|rk|lsv2|gsk|xai|pplx|hf|ghp|gho|glpat|xox[abprs])[-_][A-Za-z0-9_-]{16,}"
        r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{35}"
        r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"
        r"|(?i:\b(?:bearer|basic) +[A-Za-z0-9._~+/=-]{12,})"
    ),
    "card_numbers": r"\b[3-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{1,7}\b",
}
"""Patterns by the names under which the file may ask for them."""
_ACTIONS: Final = (DROP, HASH, REPLACE)
_KEYS: Final = ("name", "keys", "match", "action", "replacement")
_MOST_RULES: Final = 1000


def read_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of a file, those of its sets first.

    Raises:
        SettingError: something in it is wrong: `FILE:LINE: key …: what; allowed: …`.
    """
    document, lines = read_toml(VARIABLE, path)
    file = _File(path, lines)
    for key in document.keys() - {"sets", "rules"}:
        raise file.wrong((key,), "there is no such table", "sets, [[rules]]")
    names, tables = document.get("sets", []), document.get("rules", [])
    if not _are_texts(names) or not set(names) <= SETS.keys():
        raise file.wrong(("sets",), f"{names!r} is none", f"a list of any of {', '.join(SETS)}")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise file.wrong(("rules",), "it must stand in double brackets", "[[rules]]")
    if len(tables) > _MOST_RULES:
        raise file.wrong(("rules", _MOST_RULES), "there are too many rules", f"up to {_MOST_RULES}")
    sets = [Rule(name, REPLACE, pattern=SETS[name], replacement=f"[{name}]") for name in names]
    return (*sets, *(file.rule(index, table) for index, table in enumerate(tables)))


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    lines: dict[tuple[str | int, ...], int]

    def wrong(self, place: tuple[str | int, ...], what: str, allowed: str) -> SettingError:
        line = self.lines.get(place) or line_of(self.lines, place)
        key = f"key {place[-1]!r}: " if isinstance(place[-1], str) else ""
        return SettingError(VARIABLE, str(self.path), f"{self.path.name}:{line}: {key}{what}; allowed: {allowed}")

    def rule(self, index: int, table: Mapping[str, Any]) -> Rule:
        at = ("rules", index)
        for key in table:
            if key not in _KEYS:
                raise self.wrong((*at, key), "there is no such key", ", ".join(_KEYS))
        rule = Rule(
            name=self._text(at, table, "name", f"rule_{index + 1}"),
            action=self._text(at, table, "action", REPLACE),
            keys=tuple(self._keys(at, table)),
            pattern=self._pattern(at, table),
            replacement=self._text(at, table, "replacement", "[redacted]"),
        )
        if rule.action not in _ACTIONS:
            raise self.wrong((*at, "action"), f"{rule.action!r} is none", ", ".join(_ACTIONS))
        if not (rule.keys or rule.pattern):
            raise self.wrong(at, "a rule needs 'keys' or 'match'", "either or both")
        return rule

    def _text(self, at: tuple[str | int, ...], table: Mapping[str, Any], key: str, default: str) -> str:
        said = table.get(key, default)
        if not isinstance(said, str):
            raise self.wrong((*at, key), f"{said!r} is no text", "a text")
        return said

    def _keys(self, at: tuple[str | int, ...], table: Mapping[str, Any]) -> list[str]:
        keys: list[str] = table.get("keys", [])
        if not _are_texts(keys) or not all(keys):
            raise self.wrong((*at, "keys"), f"{keys!r} is no list of keys", 'such as ["user.id", "app.customer.*"]')
        for key in keys:
            if key in LEDGER_KEYS:
                raise self.wrong((*at, "keys"), f"the ledger is made from {key!r}", "other keys")
        return keys

    def _pattern(self, at: tuple[str | int, ...], table: Mapping[str, Any]) -> str:
        pattern = self._text(at, table, "match", "")
        try:
            is_everywhere = compiled(pattern).search("") is not None
        except ValueError as error:
            raise self.wrong((*at, "match"), str(error), "the syntax of RE2") from error
        if pattern and is_everywhere:
            raise self.wrong((*at, "match"), "it matches where there is no text", "a pattern of at least one character")
        return pattern


def _are_texts(said: object) -> bool:
    return isinstance(said, list) and all(isinstance(one, str) for one in said)
