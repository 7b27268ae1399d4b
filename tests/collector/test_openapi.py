"""Questions that the OpenAPI document allows, and questions that it does not, asked of a running sidecar."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

EXAMPLES: Final = max(int(os.environ.get("SPANMETER_FUZZ", "1000")) // 100, 1)
BEYOND_THE_DOCUMENT: Final[list[CheckFunction]] = [positive_data_acceptance, negative_data_rejection]
"""A period that ends before it starts is refused, an empty parameter is none: no schema says so."""


def operations(url: str) -> Iterator[tuple[Any, GenerationMode]]:
    """Every operation with the kinds of questions there are for it: without parameters there is no wrong one."""
    for result in schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json").get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        yield operation, GenerationMode.POSITIVE
        if list(operation.query):
            yield operation, GenerationMode.NEGATIVE


def test_every_answer_is_one_that_the_document_tells_of(sidecar: Any) -> None:
    asked = set()
    for operation, mode in operations(sidecar.http):

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Case[Any]) -> None:
            case.call_and_validate(timeout=30, excluded_checks=BEYOND_THE_DOCUMENT)

        ask()
        asked.add(operation.label)

    assert {"GET /api/v1/cost", "GET /api/v1/traces/{trace_id}", "POST /api/v1/reprice", "GET /metrics"} <= asked
    assert sidecar.get("/ready")["ready"]
