"""Readiness: which part of the service is not ready, and why. No model call is spent on finding out."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from typing import Any

import httpx

from spanmeter.tally import tally
from spanmeter_rag.breaker import Breaker
from spanmeter_rag.settings import Settings
from spanmeter_rag.workload import Workload

OK = "ok"
_PATIENCE_S = 2.0


def indexes_check(building: asyncio.Future[Workload]) -> str:
    """Say whether the indexes are built."""
    if not building.done():
        return "being built; this takes some seconds"
    error = building.exception()
    return OK if error is None else f"could not be built: {type(error).__name__}: {error}"


def has_failed(building: asyncio.Future[Workload]) -> bool:
    """Say whether the indexes cannot be built any more; a provider that is away is asked again, and is no such case."""
    return building.done() and building.exception() is not None


async def provider_check(settings: Settings) -> str:
    """Say whether the provider answers at all, by asking for its list of models."""
    headers = {"Authorization": f"Bearer {settings.api_key}"}
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE_S) as client:
            response = await client.get(f"{settings.provider_url}/models", headers=headers)
    except httpx.HTTPError as error:
        return f"{settings.provider_url} does not answer: {type(error).__name__}"
    return OK if response.is_success else f"{settings.provider_url} answers {response.status_code}"


def models_check(breakers: Iterable[Breaker]) -> str:
    """Say which models are not asked because they keep failing; the service answers by others or without them."""
    left_alone = [
        f"{breaker.name} is not asked for {math.ceil(breaker.remaining_s)} s" for breaker in breakers if breaker.is_open
    ]
    return "; ".join(left_alone) or OK


def telemetry() -> dict[str, Any]:
    """Tell what became of this process's spans; a sidecar that is away makes no question fail."""
    return {"spans": tally.spans, "spooled_spans": tally.spooled_spans, "dropped_spans": tally.dropped_spans}
