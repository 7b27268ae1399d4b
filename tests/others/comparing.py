"""Runs scenarios of an application that somebody else's instrumentation watches, and compares the accounts.

After each scenario the ledger of the sidecar must have grown by exactly what the provider answered.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import astuple
from decimal import Decimal
from typing import Any
from urllib.request import urlopen

from counting import Account, Provider

Scenario = Callable[[], Any]


def compare(scenarios: Mapping[str, Scenario], *, provider: Provider, sidecar: str, flush: Callable[[], Any]) -> None:
    """Run every scenario and write a line of JSON about each: the answers, what was booked, and its error."""
    flush()
    before = ledger(sidecar)
    for name, scenario in scenarios.items():
        if not re.search(os.environ.get("ONLY", ""), name):
            continue
        provider.answers.clear()
        error = _outcome(scenario)
        flush()
        after = ledger(sidecar)
        booked = _grown(before, after)
        answers = [astuple(answered) for answered in provider.answers]
        told = {"scenario": name, "answers": answers, "booked": booked, "error": error}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        before = after


def _outcome(scenario: Scenario) -> str:
    try:
        said = scenario()
        if asyncio.iscoroutine(said):
            asyncio.run(said)
    except Exception as error:  # noqa: BLE001  a failed call is a scenario, and any other error is shown
        return "".join(traceback.format_exception_only(error)).strip()[-300:]
    return ""


def _grown(before: Account, after: Account) -> list[str]:
    (calls, asked, said, usd), (calls_now, asked_now, said_now, usd_now) = before, after
    return list(map(str, (calls_now - calls, asked_now - asked, said_now - said, usd_now - usd)))


def ledger(sidecar: str) -> Account:
    """What the sidecar has charged in all, once it has stored what came in."""
    deadline = time.monotonic() + 30
    while "\nspanmeter_collector_pending_spans 0.0" not in _text(f"{sidecar}/metrics"):
        if time.monotonic() > deadline:
            raise SystemExit("the sidecar did not store what it took within 30 s")
        time.sleep(0.05)
    total = json.loads(_text(f"{sidecar}/api/v1/cost"))["total"]
    return total["calls"], total["input_tokens"], total["output_tokens"], Decimal(total["cost_usd"] or 0)


def _text(url: str) -> str:
    with urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


async def consumed(stream: Any) -> list[Any]:
    """Read an asynchronous stream to its end."""
    return [chunk async for chunk in stream]
