"""What providers' own prompt caches were read, written with, and written with for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from spanmeter_collector.caches_answer import PromptCachingAnswer, PromptCachingFigures, PromptCachingRow
from spanmeter_collector.clauses import grouped
from spanmeter_collector.money import usd_text
from spanmeter_collector.selection import CHARGES, Options, Selection, grouped_by
from spanmeter_collector.store import Store
from spanmeter_collector.times import write_time

_OF_ENTRIES: Final = frozenset({"grade", "component"})
"""Dimensions of single entries: a read and the write before it are told apart by nothing of theirs."""
DIMENSIONS: Final = replace(CHARGES, keys={name: key for name, key in CHARGES.keys.items() if name not in _OF_ENTRIES})
OPTIONS: Final = Options(DIMENSIONS, {"since": "24h", "until": "", "group_by": "provider,model", "limit": "1000"})
MOST_ROWS: Final = 10_000
_TOKENS: Final = ("read_tokens", "written_tokens", "never_read_tokens", "open_tokens")
_USD: Final = ("read_usd", "written_usd", "never_read_usd")


def answer_prompt_caching(store: Store, selection: Selection, *, now: datetime) -> PromptCachingAnswer:
    """The prompt caching of a selection, as far as it is known `now`.

    Raises:
        QuestionError: The limit is not allowed.
    """
    limit = selection.whole("limit", least=1, most=MOST_ROWS)
    clauses = grouped(selection, DIMENSIONS, most="written_tokens", limit=limit)
    parameters = {**clauses.parameters, "now": round(now.timestamp() * 1e6)}
    total, *rows = store.query("prompt_caching", parameters, clauses.fragments)
    return PromptCachingAnswer(
        rows=[PromptCachingRow.model_validate({**grouped_by(row, selection), **_figures(row)}) for row in rows[:limit]],
        total=PromptCachingFigures.model_validate(_figures(total)),
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
        truncated=len(rows) > limit,
    )


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    """An amount that some of its tokens have no price for is not known."""
    return {name: row[name] for name in _TOKENS} | {
        name: None if row["unpriced"] else usd_text(row[name] or Decimal(0)) for name in _USD
    }
