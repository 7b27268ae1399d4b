"""`GET /api/v1/prices`: what models cost by the prices that the sidecar charges by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from fastapi import FastAPI, Request, Response

from spanmeter.pricing import PriceBook, PriceKey
from spanmeter_collector import cost
from spanmeter_collector.answers import Refusal
from spanmeter_collector.prices_answer import PricesAnswer, UnpricedAnswer, answer_prices
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store
from spanmeter_collector.times import ALLOWED, read_time

_PARAMETERS: Final = {
    "model": "The model; without it the entries of the price file and the models that have no price.",
    "provider": "Its provider; without it every one that has the model.",
    "tenant": "The tenant, for whom the price file may have other prices.",
    "service_tier": "The service tier, such as batch, flex, priority or fast.",
    "region": "The region or data residency.",
    "at": f"The time, now unless given: {ALLOWED}.",
    "since": f"Start of the period whose unpriced calls are listed: {ALLOWED}. Default: 30d.",
}


def add_prices(api: FastAPI, store: Store, book: Callable[[], PriceBook], now: Callable[[], datetime]) -> None:
    """Let an API answer what models cost; `book` is the one that calls are charged by at that time."""
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
        for name, text in _PARAMETERS.items()
    ]

    @api.get(
        "/api/v1/prices",
        response_model=PricesAnswer,
        responses={code: {"model": Refusal} for code in (400, 401, 503)},
        openapi_extra={"parameters": parameters},
    )
    def get_prices(request: Request) -> Response:
        """What a model costs, bucket by bucket and why; without a model, what prices there are and what is unpriced."""
        asked = _read(request)
        at = read_time(asked["at"], name="at", now=now()) if asked["at"] else now()
        key = PriceKey(asked["provider"], asked["model"], "", asked["service_tier"], asked["region"], asked["tenant"])
        unpriced = [] if key.model else _unpriced(store, asked["since"] or "30d", now())
        answer = answer_prices(book(), key, at, unpriced=unpriced)
        return Response(answer.model_dump_json(), media_type="application/json")


def _read(request: Request) -> dict[str, str]:
    given = dict.fromkeys(_PARAMETERS, "")
    for name, value in request.query_params.multi_items():
        if name not in given:
            raise QuestionError(f"there is no parameter {name!r}; allowed: {', '.join(_PARAMETERS)}")
        given[name] = value.strip()
    return given


def _unpriced(store: Store, since: str, now: datetime) -> list[UnpricedAnswer]:
    asked = [("group_by", "provider,model"), ("grade", "unpriced"), ("since", since)]
    answer = cost.answer_cost(store, read_selection(asked, cost.OPTIONS, now=now))
    return [
        UnpricedAnswer(
            provider=str(row.get("provider")),
            model=str(row.get("model")),
            calls=row["unpriced_calls"],
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
        )
        for row in answer.rows
        if row["unpriced_calls"] > 0
    ]
