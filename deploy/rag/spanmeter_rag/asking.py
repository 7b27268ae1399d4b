"""Asking the service: many questions at once, or one now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict

import httpx

from spanmeter_rag.screen import progress
from spanmeter_rag.visitors import Visit

_AT_ONCE = 4
_SAY_EVERY_S = 3.0
_PATIENCE_S = 180.0


class UnansweredError(RuntimeError):
    """The service gave no answer; the message says to which question, and what it said instead."""


def ask_all(url: str, visits: Iterable[Visit]) -> int:
    """Ask every question, four at a time, and return how many were answered. Raises UnansweredError."""
    with httpx.Client(base_url=url, timeout=_PATIENCE_S, trust_env=False) as client:
        pool = ThreadPoolExecutor(max_workers=_AT_ONCE)
        try:
            return _await([pool.submit(ask, client, visit) for visit in visits])
        finally:
            pool.shutdown(cancel_futures=True)


def ask(client: httpx.Client, visit: Visit) -> None:
    """Ask one question. Raises UnansweredError."""
    try:
        response = client.post("/query", json=asdict(visit))
    except httpx.HTTPError as error:
        raise UnansweredError(f"{visit.question!r} ({visit.way}, {visit.mode}): {type(error).__name__}") from error
    if not response.is_success:
        raise UnansweredError(f"{visit.question!r} ({visit.way}, {visit.mode}): {response.status_code} {response.text}")


def trickle(url: str, visits: Iterable[Visit], *, pause_s: float, check: Callable[[], None]) -> None:
    """Ask one question after another, with a pause and a check between them."""
    with httpx.Client(base_url=url, timeout=_PATIENCE_S, trust_env=False) as client:
        for visit in visits:
            ask(client, visit)
            time.sleep(pause_s)
            check()


def _await(asked: list[Future[None]]) -> int:
    said = time.monotonic()
    for answered, future in enumerate(as_completed(asked), 1):
        future.result()
        if time.monotonic() - said > _SAY_EVERY_S and answered < len(asked):
            progress(f"  {answered} of {len(asked)} answered")
            said = time.monotonic()
    return len(asked)
