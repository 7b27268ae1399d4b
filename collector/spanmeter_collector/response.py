"""The response that carries an answer."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Response

from spanmeter_collector.answers import Answer


def respond(answer: Answer, *, status_code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The answer as JSON."""
    return Response(answer.model_dump_json(), status_code, headers, media_type="application/json")
