"""What the applications' caches answered and saved, by dimension and in total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spanmeter_collector.caches_answer import CacheFigures, CacheRow, CachesAnswer
from spanmeter_collector.clauses import grouped
from spanmeter_collector.money import usd_text
from spanmeter_collector.selection import CACHE_REQUESTS, Options, Selection, grouped_by
from spanmeter_collector.store import Store
from spanmeter_collector.times import write_time

OPTIONS: Final = Options(CACHE_REQUESTS, {"since": "24h", "until": "", "group_by": "cache", "limit": "1000"})
MOST_ROWS: Final = 10_000


def answer_caches(store: Store, selection: Selection) -> CachesAnswer:
    """The requests of a selection.

    Raises:
        QuestionError: The limit is not allowed.
    """
    limit = selection.whole("limit", least=1, most=MOST_ROWS)
    clauses = grouped(selection, CACHE_REQUESTS, most="saved_usd", limit=limit)
    total, *rows = store.query("caches", clauses.parameters, clauses.fragments)
    return CachesAnswer(
        rows=[CacheRow.model_validate({**grouped_by(row, selection), **_figures(row)}) for row in rows[:limit]],
        total=CacheFigures.model_validate(_figures(total)),
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
        truncated=len(rows) > limit,
    )


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    hits, misses = row["hits"], row["misses"]
    return {
        "hits": hits,
        "misses": misses,
        "hit_share": hits / (hits + misses) if hits + misses else None,
        "unpriced_hits": row["unpriced_hits"],
        "saved_usd": usd_text(row["saved_usd"]),
    }
