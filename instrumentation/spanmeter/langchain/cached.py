"""Tells an answer of the application's cache from one of a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from langchain_core.language_models import BaseChatModel

_RUN_ID: Final = re.compile(r"(?:lc_)?run-+([0-9a-f-]{36})")


def _marks_hits() -> bool:
    """Tell whether this langchain-core writes a cost of zero into a cached message, as its later versions do."""
    convert = getattr(BaseChatModel, "_convert_cached_generations", None)
    return convert is not None and "total_cost" in convert.__code__.co_consts


MARKS_HITS: Final = _marks_hits()


def maker_of(message_id: object) -> str:
    """Return the run a message's id names as the one that made it, "" when it names none."""
    maker = _RUN_ID.match(message_id) if isinstance(message_id, str) else None
    return maker[1] if maker else ""


def is_cached(message: Any, *, run_id: UUID, marks_hits: bool = MARKS_HITS) -> bool:  # noqa: ANN401  any message
    """Tell whether the application's cache answered a chat model's run.

    LangChain gives every message of a run an id, so that one without comes from a cache of text. Versions that mark
    no hits leave the id of the run that was answered first; there, a message that invents such an id counts as a hit.
    """
    if message is None:
        return False
    if message.id is None:
        return True
    if marks_hits:
        metered = getattr(message, "usage_metadata", None)
        return isinstance(metered, Mapping) and metered.get("total_cost") == 0
    maker = maker_of(message.id)
    return bool(maker) and maker != str(run_id)
