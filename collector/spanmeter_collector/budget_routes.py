"""`/api/v1/budgets`: definitions, how they stand, and leases for the processes that share them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from spanmeter.budget_definition import ACTIONS, ON_UNKNOWN, BudgetDefinition, DefinitionError
from spanmeter.budget_period import PERIODS
from spanmeter_collector.answers import Answer, Refusal
from spanmeter_collector.budget import FileBudgetError, UnknownBudgetError
from spanmeter_collector.budgets import Budgets, defined_budget
from spanmeter_collector.budgets_answer import BudgetAnswer, BudgetsAnswer, DefinedBudget, LeaseAnswer
from spanmeter_collector.json_body import json_object, read_body
from spanmeter_collector.lease import Ask
from spanmeter_collector.question_error import QuestionError

PATH: Final = "/api/v1/budgets"
OPERATOR: Final = "spanmeter.operator"
"""What of a request's scope says whether it came with a query token."""
_HOLDERS: Final = {
    "GET": re.compile(rf"{PATH}(/[^/]+)?"),
    "PUT": re.compile(rf"{PATH}/[^/]+"),
    "POST": re.compile(rf"{PATH}/[^/]+/lease"),
}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {code: {"model": Refusal} for code in (400, 401, 404, 503)}
_CHANGES: Final[dict[int | str, dict[str, Any]]] = {**_REFUSALS, 403: {"model": Refusal}, 409: {"model": Refusal}}
_USD: Final = {"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,12})?$"}
_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}
_DEFINITION: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["limit_usd"],
    "properties": {
        "limit_usd": _USD,
        "period": {"type": "string", "enum": [*PERIODS], "default": "day"},
        "timezone": {"type": "string", "default": "UTC", "description": "An IANA name, by whose clocks periods begin."},
        "scope": {**_TEXTS, "description": "user, session, tenant, feature, team, and tags as tag.<name>."},
        "action": {"type": "string", "enum": [*ACTIONS], "default": "stop"},
        "downgrade": {**_TEXTS, "description": "With action downgrade: which model stands in for which."},
        "on_unknown": {"type": "string", "enum": [*ON_UNKNOWN], "default": "allow"},
        "thresholds": {
            "type": "array",
            "items": _USD,
            "description": "Shares of the limit, 0.5, 0.8 and 1 by default.",
        },
        "webhook": {"type": ["string", "null"], "format": "uri", "description": "Told of thresholds by POST."},
    },
}
_COUNT: Final = {"type": "integer", "minimum": 0}
_ASK: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["holder"],
    "properties": {
        "holder": {"type": "string", "minLength": 1, "maxLength": 200, "description": "No other process is called so."},
        "sequence": {**_COUNT, "description": "Grows with each request of a holder; an older one changes nothing."},
        "period": {"type": ["string", "null"], "format": "date-time", "description": "Its start; null: the present."},
        "spent_usd": {**_USD, "description": "Settled by this holder in the period."},
        "reserved_usd": {**_USD, "description": "Reserved by its calls under way."},
        "need_usd": {**_USD, "description": "What has to fit for a call that waits: given whole or not at all."},
        "want_usd": {**_USD, "description": "Headroom wished beyond spent and reserved, what it needs included."},
        "holds_usd": {**_USD, "description": "What the holder is bound by until it has this answer."},
        "stopped_calls": {**_COUNT, "description": "Calls of its that the budget stopped in the period."},
        "downgraded_calls": {**_COUNT, "description": "Calls of its that another model answered in the period."},
        "release": {"type": "boolean", "description": "true: the holder ends; what it did not spend goes back."},
    },
}  # fmt: skip


def may_hold(method: str, path: str) -> bool:
    """Whether an application asks this of budgets, which its ingest token is enough for."""
    return method in _HOLDERS and _HOLDERS[method].fullmatch(path) is not None


def add_budgets(api: FastAPI, budgets: Budgets, now: Callable[[], datetime], *, changing: Sequence[Any] = ()) -> None:
    """Let an API define budgets, tell of them and lease them; `changing` are dependencies of what changes anything."""
    _add_refusals(api)
    _add_questions(api, budgets)
    _add_changes(api, budgets, changing)

    @api.post(
        f"{PATH}/{{name}}/lease",
        response_model=LeaseAnswer,
        responses=_CHANGES,
        dependencies=changing,
        openapi_extra=_body(_ASK),
    )
    async def post_lease(name: str, request: Request) -> Response:
        """Tell what a process spent and reserved, and learn what it may reach; the same renews a lease."""
        ask = Ask.of(await _object(request), now=now())
        return _json(await run_in_threadpool(budgets.lease, name, ask))


def _add_changes(api: FastAPI, budgets: Budgets, changing: Sequence[Any]) -> None:
    @api.put(
        f"{PATH}/{{name}}",
        response_model=DefinedBudget,
        responses=_CHANGES,
        dependencies=changing,
        openapi_extra=_body(_DEFINITION),
    )
    async def put_budget(name: str, request: Request) -> Response:
        """Define a budget or change it; the same again is no change. A webhook needs the query token."""
        definition = BudgetDefinition.of(name, await _object(request))
        if definition.webhook is not None and not request.scope.get(OPERATOR, True):
            raise HTTPException(403, "A webhook needs the query token")
        return _json(defined_budget(await run_in_threadpool(budgets.register.put, definition)))

    @api.delete(f"{PATH}/{{name}}", status_code=204, responses=_CHANGES, dependencies=changing)
    def delete_budget(name: str) -> Response:
        """End a budget; one of that name begins anew."""
        budgets.register.delete(name)
        return Response(status_code=204)


def _add_questions(api: FastAPI, budgets: Budgets) -> None:
    @api.get(PATH, response_model=BudgetsAnswer, responses=_REFUSALS)
    def get_budgets() -> Response:
        """Every budget: its definition and how it stands in its present period."""
        return _json(budgets.answer_all())

    @api.get(f"{PATH}/{{name}}", response_model=BudgetAnswer, responses=_REFUSALS)
    def get_budget(name: str) -> Response:
        """One budget."""
        return _json(budgets.answer_one(budgets.register.get(name)))


def _add_refusals(api: FastAPI) -> None:
    @api.exception_handler(DefinitionError)
    def refuse_definition(_: Request, error: DefinitionError) -> Response:
        return _json(Refusal(error=str(error)), 400)

    @api.exception_handler(UnknownBudgetError)
    def miss_budget(_: Request, error: UnknownBudgetError) -> Response:
        return _json(Refusal(error=str(error)), 404)

    @api.exception_handler(FileBudgetError)
    def leave_file(_: Request, error: FileBudgetError) -> Response:
        return _json(Refusal(error=str(error)), 409)


async def _object(request: Request) -> dict[str, Any]:
    told = json_object(await read_body(request.stream()))
    if told is None:
        raise QuestionError("the body is no JSON object")
    return told


def _json(answer: Answer, status_code: int = 200) -> Response:
    return Response(answer.model_dump_json(), status_code, media_type="application/json")


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
