"""`GET /api/v1/savings`: what proposals would have saved of what calls cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from fastapi import FastAPI, Request, Response

from spanmeter.pricing import PriceBook
from spanmeter_collector.answers import Refusal
from spanmeter_collector.saving_terms import OFFLINE, OFFLINE_TAG, OPTIONS, SWAP, TIERS
from spanmeter_collector.savings import answer_savings
from spanmeter_collector.savings_answer import SavingsAnswer
from spanmeter_collector.selection import TAG, read_selection
from spanmeter_collector.store import Store
from spanmeter_collector.times import ALLOWED

_TIME: Final = {"type": "string", "anyOf": [{"pattern": "^[0-9]{1,9}[smhdw]$"}, {"format": "date-time"}]}
_SEVERAL: Final = {"type": "array", "items": {"type": "string"}}
_DESCRIPTIONS: Final = {
    "since": f"Start of the period: {ALLOWED}.",
    "until": f"End of the period, now unless given: {ALLOWED}.",
    "swap": f"Another model for the calls of one: {SWAP}. Give it again for more; the first that names a call counts.",
    "offline": f"Calls that nobody waits for, beside those with {OFFLINE_TAG}=true: {OFFLINE}. Give it again for more.",
    "tier": "The service tier whose prices such calls would pay.",
    "top_k": "The most documents of a search that a call should be given; 0 is no limit.",
    "input_limit": "The most input tokens a call should have; 0 is no limit.",
    "ttl": "How long a cache would keep what it has: a length from 1m to 30d.",
}
_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "since": _TIME,
    "until": _TIME,
    "swap": _SEVERAL,
    "offline": _SEVERAL,
    "tier": {"type": "string", "enum": [*TIERS]},
    "top_k": {"type": "integer", "minimum": 0, "maximum": 100},
    "input_limit": {"type": "integer", "minimum": 0},
    "ttl": {"type": "string", "pattern": "^[0-9]{1,9}[smhdw]$"},
}


def add_savings(api: FastAPI, store: Store, book: Callable[[], PriceBook], now: Callable[[], datetime]) -> None:
    """Let an API answer what would have been saved; `book` is the one that calls are charged by at that time."""

    @api.get(
        "/api/v1/savings",
        response_model=SavingsAnswer,
        responses={code: {"model": Refusal} for code in (400, 401, 503)},
        openapi_extra={"parameters": [*_parameters()]},
    )
    def get_savings(request: Request) -> Response:
        """What each of several changes would have saved, with its assumption and the calls behind it."""
        asked = now()
        selection = read_selection(request.query_params.multi_items(), OPTIONS, now=asked)
        answer = answer_savings(store, book(), selection, now=asked)
        return Response(answer.model_dump_json(), media_type="application/json")


def _parameters() -> list[dict[str, Any]]:
    texts = {name: f"{_DESCRIPTIONS[name]} Default: {default or 'none'}." for name, default in OPTIONS.defaults.items()}
    texts |= dict.fromkeys(OPTIONS.dimensions.names, "Only these; give it again for any of several.")
    texts[f"{TAG}{{key}}"] = "Only calls with this tag; put the tag's key in place of {key}."
    return [
        {"name": name, "in": "query", "description": text, "schema": _SCHEMAS.get(name, {"type": "string"})}
        for name, text in texts.items()
    ]
