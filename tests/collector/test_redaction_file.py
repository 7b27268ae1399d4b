from __future__ import annotations

from pathlib import Path

import pytest

from spanmeter_collector.redaction import Rule, compiled
from spanmeter_collector.redaction_file import SETS, read_rules
from spanmeter_collector.setting import SettingError


def rules_of(text: str, folder: Path) -> tuple[Rule, ...]:
    path = folder / "redact.toml"
    path.write_text(text)
    return read_rules(path)


def test_sets_and_rules_are_read(tmp_path: Path) -> None:
    text = 'sets = ["emails"]\n[[rules]]\nkeys = ["a.*"]\naction = "drop"\n[[rules]]\nname = "n"\nmatch = "x+"\n'

    assert rules_of(text, tmp_path) == (
        Rule("emails", "replace", pattern=SETS["emails"], replacement="[emails]"),
        Rule("rule_1", "drop", keys=("a.*",)),
        Rule("n", "replace", pattern="x+"),
    )


def test_the_example_is_sound() -> None:
    example = Path(__file__).parents[2] / "deploy" / "redact.example.toml"

    assert [rule.name for rule in read_rules(example)] == ["emails", "api_keys", "users", "customers", "order_numbers"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sets = [", "this is not TOML: Invalid value (at end of document)"),
        ('set = ["emails"]', "redact.toml:1: key 'set': there is no such table; allowed: sets, [[rules]]"),
        ('\nsets = ["phones"]', "redact.toml:2: key 'sets': ['phones'] is none; allowed: a list of any of emails, "),
        ("[rules]\n", "redact.toml:1: key 'rules': it must stand in double brackets; allowed: [[rules]]"),
        ("[[rules]]\n", "redact.toml:1: a rule needs 'keys' or 'match'; allowed: either or both"),
        (
            '[[rules]]\nmatch = "a"\naction = "x"',
            "redact.toml:3: key 'action': 'x' is none; allowed: drop, hash, replace",
        ),
        ('[[rules]]\nmatch = "(a"', "redact.toml:2: key 'match': missing ): (a; allowed: the syntax of RE2"),
        (
            "[[rules]]\nmatch = '(a)\\1'",
            "redact.toml:2: key 'match': invalid escape sequence: \\1; allowed: the syntax",
        ),
        (
            '[[rules]]\nmatch = "a*"',
            "redact.toml:2: key 'match': it matches where there is no text; allowed: a pattern",
        ),
        ("[[rules]]\nmatch = 5", "redact.toml:2: key 'match': 5 is no text; allowed: a text"),
        ('[[rules]]\nkeys = "a"', "redact.toml:2: key 'keys': 'a' is no list of keys; allowed: such as"),
        ('[[rules]]\nkeys = ["gen_ai.usage.input_tokens"]', "redact.toml:2: key 'keys': the ledger is made from"),
        ('[[rules]]\nkey = ["a"]', "redact.toml:2: key 'key': there is no such key; allowed: name, keys, match, "),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError) as refused:
        rules_of(text, tmp_path)

    assert str(refused.value).startswith(f"SPANMETER_REDACT='{tmp_path}/redact.toml': {reason}")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("emails", "ada.l+x@mail.example.co.uk"),
        ("api_keys", "sk-proj-abcdefghijklmnop1234"),
        ("api_keys", "Bearer abcdefghijkl.mnop"),
        ("api_keys", "lsv2_pt_0123456789abcdef"),
        ("api_keys", "AKIAIOSFODNN7EXAMPLE"),
        ("api_keys", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjMifQ.c2lnbmF0dXJl"),
        ("card_numbers", "4111 1111 1111 1111"),
    ],
)
def test_a_set_finds_what_it_is_for(name: str, said: str) -> None:
    assert compiled(SETS[name]).sub("*", f"it is {said}, they said") == "it is *, they said"


@pytest.mark.parametrize(
    "said", ["gpt-4o-mini-2024-07-18", "task-1", "a@b", "2026-11-22T10:00:00.000Z", "bearer of news"]
)
def test_ordinary_words_are_left_alone(said: str) -> None:
    assert not [name for name, pattern in SETS.items() if compiled(pattern).search(said)]
