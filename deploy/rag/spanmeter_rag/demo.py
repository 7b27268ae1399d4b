"""The demo: `spanmeter demo` puts every part on, sends real queries through them and prints the bill."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import httpx

from spanmeter_rag import scenery
from spanmeter_rag.asking import UnansweredError, ask_all, trickle
from spanmeter_rag.bill import Bill
from spanmeter_rag.ledger import Ledger
from spanmeter_rag.processes import ChildError, Processes
from spanmeter_rag.screen import progress, result
from spanmeter_rag.stage import Plan, Stage, set_stage
from spanmeter_rag.surroundings import data_directory, missing_for_content
from spanmeter_rag.visitors import later_visits, visits

_TRICKLE_PAUSE_S = 4.0
_SETTLE_S = 30.0
_PAUSE_S = 0.5
_INTERRUPTED = 130
_SIMULATED = """Simulated: the local provider's answers and latencies.
Real: the HTTP in between, the client libraries, the token counts (o200k_base) and the prices."""


def main() -> int:
    """Run the demo; 0 when the bill is right, 1 when it is not or a part failed, 2 when asked wrongly."""
    options = _parse()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with TemporaryDirectory(prefix="spanmeter-demo-", ignore_cleanup_errors=True) as scratch:
            return _run(options, Path(scratch))
    except (ChildError, UnansweredError, httpx.HTTPError) as error:
        progress(f"spanmeter demo: {error}")
        return 1
    except KeyboardInterrupt:
        progress("spanmeter demo: interrupted, everything is stopped")
        return _INTERRUPTED


def _run(options: argparse.Namespace, scratch: Path) -> int:
    plan = _plan(options, scratch)
    progress("Starting" + (" with OpenAI" if plan.live else ", no key and no network needed") + ":")
    since = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    with Processes(scratch) as processes:
        try:
            return _perform(options, set_stage(plan, processes), processes, since=since)
        except (UnansweredError, httpx.HTTPError):
            processes.check()
            raise


def _perform(options: argparse.Namespace, stage: Stage, processes: Processes, *, since: str) -> int:
    started = time.monotonic()
    progress(f"Sending {options.queries} queries through LangChain, LlamaIndex, both together and LangGraph:")
    answered = ask_all(stage.service_url, visits(options.queries))
    progress(f"  all answered in {time.monotonic() - started:.1f} s; waiting for the ledger")
    bill = _settle(options, stage, processes, since=since, answered=answered)
    _show(options, stage, bill)
    if not options.once:
        _go_on(options, stage, processes)
    return 1 if bill.differences() else 0


def _plan(options: argparse.Namespace, scratch: Path) -> Plan:
    return Plan(
        data=scratch / "data" if options.once else data_directory(os.environ),
        record=options.record or scratch / "provider-usage.jsonl",
        environment=os.environ,
        dashboard=not options.once,
        live=options.live,
        usual_ports=not options.once,
        service_settings=scenery.SERVICE,
        sidecar_settings=scenery.SIDECAR,
    )


def _settle(options: argparse.Namespace, stage: Stage, processes: Processes, *, since: str, answered: int) -> Bill:
    """Read the bill when every span of the run has been stored; of a single run, once the service has ended."""
    ended = stage.ended_spans()
    if options.once:
        processes.stop(stage.service)
    report = stage.provider_report()
    ledger = Ledger(stage.sidecar_url, since=since)
    try:
        ledger.settle(spans=ended, patience_s=_SETTLE_S)
        deadline = time.monotonic() + _SETTLE_S
        while True:  # spans of others, or of an earlier run, may have been stored instead
            bill = Bill.read(ledger, queries=answered, provider=report and report["total"], ended_spans=ended)
            if not bill.differences() or time.monotonic() > deadline:
                return bill
            time.sleep(_PAUSE_S)
    finally:
        ledger.close()


def _show(options: argparse.Namespace, stage: Stage, bill: Bill) -> None:
    say = progress if options.json else result
    say(f"\n{bill.as_text()}\n")
    for sentence in bill.differences():
        progress(f"DIFFERENT: {sentence}")
    if bill.provider is not None:
        if not bill.differences():
            say("Calls and tokens are equal to what the provider itself counted, to the last one.")
        say(_SIMULATED)
    if options.json:
        result(json.dumps(bill.as_json()))
    if not options.once:
        say(_addresses(stage))


def _addresses(stage: Stage) -> str:
    lines = (
        ("Cost explorer", stage.dashboard_url),
        ("Sidecar", f"{stage.sidecar_url}/api/v1/cost?group_by=model"),
        ("  metrics", f"{stage.sidecar_url}/metrics"),
        ("RAG service", f"{stage.service_url}/docs"),
        ("Local provider", stage.provider_url and f"{stage.provider_url}/usage"),
    )
    missing = missing_for_content(os.environ)
    hint = ["", f"Traces show no prompts and answers. To have them there, start the demo with\n  {missing} make demo"]
    return "\n".join(["", *(f"  {name:<16}{url}" for name, url in lines if url), *(hint if missing else ()), ""])


def _go_on(options: argparse.Namespace, stage: Stage, processes: Processes) -> None:
    progress(f"A question every {_TRICKLE_PAUSE_S:.0f} s until Ctrl-C.")
    try:
        trickle(
            stage.service_url,
            later_visits(after=options.queries),
            pause_s=_TRICKLE_PAUSE_S,
            check=processes.check,
        )
    except KeyboardInterrupt:
        progress("\nStopping everything.")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="spanmeter demo",
        description="A reference RAG application, the sidecar and the cost explorer, with real queries, until Ctrl-C.",
    )
    parser.add_argument("--once", action="store_true", help="no cost explorer: run, print the bill, exit")
    parser.add_argument("--queries", type=_count, default=20, metavar="N", help="queries to send (%(default)s)")
    parser.add_argument("--json", action="store_true", help="end with one JSON object on standard output")
    parser.add_argument("--record", type=Path, metavar="FILE", help="keep the local provider's own usage record there")
    parser.add_argument("--live", action="store_true", help="ask OpenAI, with OPENAI_API_KEY and OPENAI_BASE_URL")
    options = parser.parse_args()
    if options.live and not os.environ.get("OPENAI_API_KEY"):
        parser.error("--live needs OPENAI_API_KEY")
    return options


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 100000")
    return int(text)


def _interrupt(_: int, __: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
