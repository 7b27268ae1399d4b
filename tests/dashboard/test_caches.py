"""The page of caches: values from the API, and the tables over them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from spanmeter_dashboard import figures
from spanmeter_dashboard.caches import CacheUse, PromptCacheUse, prompt_table, table

TOLD = {"hits": 3, "misses": 1, "hit_share": 0.75, "unpriced_hits": 1, "saved_usd": "0.5"}
PROMPTS = {
    "provider": "anthropic",
    "model": "claude-<b>",
    "read_tokens": 1000,
    "read_usd": "0.1",
    "written_tokens": 2000,
    "written_usd": "0.2",
    "never_read_tokens": 500,
    "never_read_usd": None,
    "open_tokens": 0,
    "read_saved_usd": "0.9",
    "write_extra_usd": "0.05",
    "net_saved_usd": "0.85",
    "unpriced_tokens": 7,
}
USE = PromptCacheUse(
    "anthropic", "claude-<b>", 1000, 2000, 500, None, Decimal("0.9"), Decimal("0.05"), Decimal("0.85"), 7
)


def test_a_row_is_read() -> None:
    assert CacheUse.of(TOLD, "answers") == CacheUse("answers", 3, 1, 0.75, 1, Decimal("0.5"))
    assert PromptCacheUse.of(PROMPTS) == USE
    assert PromptCacheUse.of(PROMPTS, model="All") == replace(USE, model="All")


def test_the_table_shows_what_was_saved_and_what_is_unknown() -> None:
    unknown = CacheUse("llm", 0, 0, None, 0, None)
    shown = table([CacheUse.of(TOLD, "answers<"), unknown])

    assert "answers&lt;" in shown
    assert "$0.50" in shown
    assert "75" in shown
    assert shown.count(figures.UNKNOWN) == 2


def test_the_table_of_prompt_caches_shows_what_was_written_in_vain() -> None:
    shown = prompt_table([PromptCacheUse.of(PROMPTS)])

    assert "claude-&lt;b&gt;" in shown
    assert ">500<" in shown
    assert [amount for amount in ("$0.90", "$0.0500", "$0.85") if amount in shown] == ["$0.90", "$0.0500", "$0.85"]
