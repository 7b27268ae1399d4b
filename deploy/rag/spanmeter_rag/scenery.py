"""The caches and budgets that the demo runs with, so that every page of the cost explorer has figures of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

SERVICE: Final[Mapping[str, str]] = MappingProxyType(
    {"RAG_CACHES": "answers,vectors", "RAG_CACHE_TTL_S": "600", "RAG_BUDGET_USD": "25"}
)
"""A budget that stops and has room for a day of the demo; caches that forget soon, so that there are always misses."""
SIDECAR: Final[Mapping[str, str]] = MappingProxyType(
    {"SPANMETER_BUDGETS": str(Path(__file__).with_name("budgets.toml"))}
)
"""A budget that warns and stands near its limit, once the indexes are built."""
