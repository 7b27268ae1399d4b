"""The reference workload under a load with duplicates, failures and a tight budget, checked by the provider's record.

    python tests/benchmarks/workload.py [--queries N] [--budget USD] [--faults SHARE]

The local provider's own record, priced here by plain arithmetic with list prices, is the judge of every figure: what
was spent against the budget's limit, and what each answer from the cache would have cost.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx

from spanmeter_rag.ledger import Ledger
from spanmeter_rag.processes import Processes
from spanmeter_rag.stage import Plan, Stage, set_stage
from spanmeter_rag.visitors import visits

# US dollars for a million tokens: input, cached input, output; https://platform.openai.com/docs/pricing
RATES: Final = {
    "gpt-4o-mini-2024-07-18": ("0.15", "0.075", "0.60"),
    "gpt-4o-2024-08-06": ("2.50", "1.25", "10.00"),
    "gpt-4.1-mini-2025-04-14": ("0.40", "0.10", "1.60"),
    "gpt-4.1-nano-2025-04-14": ("0.10", "0.025", "0.40"),
    "gpt-5-mini-2025-08-07": ("0.25", "0.025", "2.00"),
    "text-embedding-3-small": ("0.02", "0.02", "0"),
}
AT_ONCE: Final = 8
EACH_ASKED: Final = 3
"""How often each question comes, from the same tenant and by the same way."""

Asked = tuple[str, str, str]
"""Tenant, way and question: what the cache of answers goes by."""


@dataclass(frozen=True, slots=True)
class Replied:
    """One question and what came of it."""

    asked: Asked
    request_id: str
    reply: Mapping[str, Any]

    @property
    def named(self) -> str:
        """What the requests of the answer itself are named in the provider's record."""
        return f"{self.request_id}/fallback" if "fallback" in self.reply["effects"] else self.request_id


class Load:
    """Asks many questions at once, each several times, and lets things go wrong on the way."""

    def __init__(self, stage: Stage, *, queries: int) -> None:
        self._service = httpx.Client(base_url=stage.service_url, timeout=180, trust_env=False)
        self._provider = httpx.Client(base_url=str(stage.provider_url), timeout=30, trust_env=False)
        self._queries = queries
        self._lock = threading.Lock()
        self.replied: list[Replied] = []
        self.outage: Mapping[str, Any] = {}

    def run(self) -> float:
        """Ask everything in thirds: all well, one model down, the provider slow; return the seconds it took.

        After the first third one new question is asked while the whole provider is down: `outage` is its reply.
        """
        started = time.monotonic()
        bodies = list(_bodies(self._queries))
        third = len(bodies) // 3
        self._ask(bodies[:third], 0)
        self.outage = self._ask_without_provider()
        self._conditions(down=True, models=["gpt-4o"])
        self._ask(bodies[third : 2 * third], third)
        self._conditions(slow_s=0.2)
        self._ask(bodies[2 * third :], 2 * third)
        self._conditions()
        return time.monotonic() - started

    def _ask_without_provider(self) -> Mapping[str, Any]:
        self._conditions(down=True)
        body = {"question": "What does the walrus operator do in an outage?", "way": "langchain"}
        reply: Mapping[str, Any] = self._service.post("/query", json=body).raise_for_status().json()
        self._conditions()
        return reply

    def _ask(self, bodies: Sequence[Mapping[str, Any]], first: int) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._one, bodies, range(first, first + len(bodies))))

    def _one(self, body: Mapping[str, Any], number: int) -> None:
        request_id = f"load-{number}"
        reply = self._service.post("/query", json=body, headers={"X-Request-ID": request_id}).raise_for_status().json()
        with self._lock:
            self.replied.append(Replied((body["tenant"], body["way"], body["question"]), request_id, reply))

    def _conditions(self, **conditions: Any) -> None:
        self._provider.put("/conditions", json=conditions).raise_for_status()


def _bodies(queries: int) -> Iterator[dict[str, Any]]:
    """Yield visits of which every one comes several times, a few visits apart."""
    visited = [
        {"question": visit.question, "way": visit.way, "mode": visit.mode, "tenant": visit.tenant, "user": visit.user}
        for visit in visits(max(1, queries // EACH_ASKED))
    ]
    for start in range(0, len(visited), AT_ONCE):
        for _ in range(EACH_ASKED):
            yield from visited[start : start + AT_ONCE]


def cost_of(entry: Mapping[str, Any]) -> Decimal:
    """What one request of the provider's record costs at list prices."""
    usage, rates = entry["usage"], [Decimal(rate) for rate in RATES[entry["model"]]]
    cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    counts = (usage["prompt_tokens"] - cached, cached, usage.get("completion_tokens", 0))
    return sum((count * rate for count, rate in zip(counts, rates, strict=True)), Decimal(0)) / 1_000_000


def costs_by_request(record: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
    """What the provider answered to each question, by the id the question was given."""
    costs: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in _answered(record):
        costs[entry["request_id"]] += cost_of(entry)
    return costs


def _answered(record: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [entry for entry in record if entry["status"] == 200]


def saved(replied: Sequence[Replied], costs: Mapping[str, Decimal]) -> tuple[int, Decimal]:
    """Answers that no request was made for, and what the same question had cost when requests were made for it."""
    first: dict[tuple[Asked, str], Decimal] = {}
    for one in replied:
        if one.named in costs and not one.reply["degraded"]:
            first.setdefault((one.asked, one.reply["model"]), costs[one.named])
    hits = [one for one in replied if one.named not in costs and not one.reply["degraded"]]
    return len(hits), sum((first[one.asked, one.reply["model"]] for one in hits), Decimal(0))


def figures(stage: Stage, ledger: Ledger, load: Load, since: str) -> dict[str, Any]:
    """Every figure of the run beside what the provider's record says."""
    report = stage.provider_report() or {}
    costs = costs_by_request(report["requests"])
    answers = sum((usd for request_id, usd in costs.items() if request_id), Decimal(0))
    hits, saved_usd = saved(load.replied, costs)
    api = httpx.Client(base_url=stage.sidecar_url, params={"since": since}, timeout=60, trust_env=False)
    budget = api.get("/api/v1/budgets/rag-answers").json()
    caches = {row["cache"]: row for row in api.get("/api/v1/caches").json()["rows"]}
    whole = ledger.cost("feature")
    by_feature = {row["feature"]: row for row in whole["rows"]}
    return {
        "spend": {
            "limit": budget["limit_usd"],
            "provider's record, answers": answers,
            "budget, spent": budget["spent_usd"],
            "ledger, feature=answer": by_feature["answer"]["cost_usd"],
            "beyond the limit": max(Decimal(0), answers - Decimal(budget["limit_usd"])),
            "the dearest call, which that may be": max(map(cost_of, _answered(report["requests"]))),
            "provider's record, all": sum(costs.values(), Decimal(0)),
            "ledger, all": whole["total"]["cost_usd"],
        },
        "saved": {
            "answers without a request": hits,
            "cache, hits": caches.get("answers", {}).get("hits", 0),
            "provider's record": saved_usd,
            "cache": caches.get("answers", {}).get("saved_usd"),
        },
        "outcomes": _outcomes(load.replied),
    }


def _outcomes(replied: Sequence[Replied]) -> dict[str, Any]:
    effects: defaultdict[str, float] = defaultdict(float)
    for one in replied:
        for name, amounts in one.reply["effects"].items():
            effects[name] += amounts["count"]
    degraded = [one.reply["reason"] for one in replied if one.reply["degraded"]]
    stopped = sum("budget" in reason for reason in degraded)
    effects["fallback"] += 0
    return {
        "asked": len(replied),
        "answered by a model": len(replied) - len(degraded),
        "stopped by the budget": stopped,
        "without a model for another reason": len(degraded) - stopped,
        **{f"effect {name}": int(count) for name, count in sorted(effects.items())},
    }


def differences(found: Mapping[str, Any]) -> list[str]:
    """What is not as it should be."""
    spend, hits = found["spend"], found["saved"]
    checks = {
        "the ledger is not the provider's record": Decimal(spend["ledger, all"]) == spend["provider's record, all"],
        "the budget has not spent what the provider answered": Decimal(spend["budget, spent"])
        == spend["provider's record, answers"],
        "more was spent than the limit and one call": spend["beyond the limit"]
        <= spend["the dearest call, which that may be"],
        "the budget was never spent": found["outcomes"]["stopped by the budget"] > 0,
        "other answers were saved than the cache says": hits["answers without a request"] == hits["cache, hits"],
        "other dollars were saved than the cache says": hits["provider's record"] == Decimal(hits["cache"] or 0),
        "an answer to an outage is not marked": found["outage"]["degraded"]
        and "budget" not in found["outage"]["reason"],
        "no question fell back to another model": found["outcomes"]["effect fallback"] > 0,
    }
    return [text for text, holds in checks.items() if not holds]


def main() -> int:
    """Run the load and print the figures; 1 when one of them is not what the provider's record says."""
    options = _parse()
    with TemporaryDirectory(prefix="spanmeter-load-") as scratch, Processes(Path(scratch)) as processes:
        since = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        stage = set_stage(_plan(Path(scratch), options), processes)
        load = Load(stage, queries=options.queries)
        took_s = load.run()
        ended = stage.ended_spans()
        processes.stop(stage.service)
        ledger = Ledger(stage.sidecar_url, since=since)
        ledger.settle(spans=ended, patience_s=60)
        found = figures(stage, ledger, load, since) | {"outage": load.outage, "seconds": round(took_s, 1)}
        ledger.close()
    shown = {name: load.outage[name] for name in ("degraded", "model", "reason")}
    sys.stdout.write(json.dumps({**found, "outage": shown}, default=str, indent=2) + "\n")
    wrong = differences(found)
    for text in wrong:
        sys.stderr.write(f"WRONG: {text}\n")
    return 1 if wrong else 0


def _plan(scratch: Path, options: argparse.Namespace) -> Plan:
    return Plan(
        data=scratch / "data",
        record=scratch / "provider-usage.jsonl",
        environment=os.environ,
        dashboard=False,
        live=False,
        usual_ports=False,
        service_settings={
            "RAG_CACHES": "answers",
            "RAG_BUDGET_USD": options.budget,
            "RAG_BREAKER_FAILURES": "6",
            "RAG_BREAKER_OPEN_S": "1",
            "RAG_ATTEMPTS": "4",
            "RAG_LONGEST_WAIT_S": "1",
        },
        provider_options=("--faults", str(options.faults)),
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=240, help="questions, each of them three times (%(default)s)")
    parser.add_argument("--budget", default="0.06", metavar="USD", help="what all answers may cost (%(default)s)")
    parser.add_argument("--faults", type=float, default=0.1, help="share of requests refused (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
