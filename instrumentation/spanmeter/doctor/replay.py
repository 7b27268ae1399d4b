"""Replays exchanges through a framework's installed clients and compares what was counted with what was said.

    python -m spanmeter.doctor.replay langchain|llama_index [--import MODULE]

Runs in a process of its own, with the environment that `surroundings` makes: what it instruments ends with it.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from itertools import groupby
from typing import BinaryIO, Final

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import spanmeter
from spanmeter.barrier import faults
from spanmeter.bill import Bill
from spanmeter.doctor import instrumentors
from spanmeter.doctor.client import LANGCHAIN, LLAMA_INDEX, Client
from spanmeter.doctor.exchange import Exchange
from spanmeter.doctor.finding import NO_CLIENT, Finding
from spanmeter.doctor.provider import Provider, serving
from spanmeter.pricing import PriceBook, PriceFileError, PriceKey

_PRICES: Final = "prices"
"""The fault that a price file which cannot be read is counted as."""


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework, the module and the distribution that make it installed, and the clients that are asked."""

    name: str
    module: str
    package: str
    clients: Sequence[Client]


FRAMEWORKS: Final[Mapping[str, Framework]] = {
    "langchain": Framework("LangChain", "langchain_core", "langchain-core", LANGCHAIN),
    "llama_index": Framework("LlamaIndex", "llama_index.core", "llama-index-core", LLAMA_INDEX),
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What is compared: of one exchange, or as counted."""

    calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_usd: Decimal | None

    @classmethod
    def told(cls, exchange: Exchange, book: PriceBook) -> Figures:
        """What the exchange says, priced without any framework."""
        usage, key = exchange.usage, PriceKey(exchange.provider, exchange.model, api=exchange.api)
        usd = book.cost(key, usage, at=datetime.now(UTC)).usd
        return cls(1, usage.input_tokens, usage.cached_input_tokens, usage.output_tokens, usage.reasoning_tokens, usd)

    @classmethod
    def counted(cls, bill: Bill) -> Figures:
        """What `spanmeter.measure()` says."""
        tokens = (bill.input_tokens, bill.cached_input_tokens, bill.output_tokens, bill.reasoning_tokens)
        return cls(bill.calls, *tokens, bill.cost_usd if bill.calls else None)


class Replay:
    """An instrumented application that asks clients; `usd` adds up what they cost."""

    def __init__(self, provider: Provider, exporter: InMemorySpanExporter) -> None:
        self._provider = provider
        self._exporter = exporter
        self._book = _book()
        self.spans = 0

    def findings(self, framework: Framework) -> Iterator[Finding]:
        """One finding for each installed client class, and one for all that are not."""
        check = f"{framework.name} replay"
        installed = [client for client in framework.clients if client.installed]
        for name, clients in groupby(installed, key=lambda client: client.name):
            yield self._finding(check, name, list(clients))
        missing = dict.fromkeys(client.package for client in framework.clients if not client.installed)
        if missing:
            yield Finding.skipped(check, f"{NO_CLIENT} ({', '.join(missing)})")

    def _finding(self, check: str, name: str, clients: Sequence[Client]) -> Finding:
        wrong: list[str] = []
        total, asked = Decimal(0), 0
        for client, exchange in [(each, exchange) for each in clients for exchange in each.read]:
            told = Figures.told(exchange, self._book)
            counted, gave_up = self._ask(client, exchange)
            if gave_up:
                return _gave_up(check, name, exchange, gave_up)
            wrong += [f"{exchange.name}: {difference}" for difference in _differences(told, counted)]
            total, asked = total + (told.cost_usd or 0), asked + 1
        if wrong:
            return Finding.problem(check, f"{name}: {'; '.join(wrong)}", _report())
        answers = "1 answer is" if asked == 1 else f"{asked} answers are"
        return Finding.ok(check, f"{name}: calls, tokens and cents of {answers} right (${_plain(total)})")

    def _ask(self, client: Client, exchange: Exchange) -> tuple[Figures, str]:
        """Return what was counted, and why the client gave up."""
        self._provider.load(exchange)
        self._exporter.clear()
        gave_up = ""
        with spanmeter.measure() as bill:
            try:
                client.ask(client.make(self._provider.url), exchange)
            except Exception as error:  # noqa: BLE001  each client has its own
                gave_up = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"
        figures = Figures.counted(bill)
        self.spans += len(self._exporter.get_finished_spans())
        return figures, gave_up

    def exported(self, framework: Framework) -> Iterator[Finding]:
        """Whether every span reached the other end of the OTLP connection; nothing where there was none."""
        arrived, replay = self._provider.spans, f"spans of the {framework.name} replay arrived over OTLP"
        if arrived != self.spans:
            yield Finding.problem("export", f"{arrived} of the {self.spans} {replay}", _report())
        elif self.spans:
            yield Finding.ok("export", f"all {self.spans} {replay}")


def main(words: Sequence[str]) -> int:
    """Replay, and print one JSON list of findings."""
    parser = argparse.ArgumentParser(prog="python -m spanmeter.doctor.replay")
    parser.add_argument("framework", choices=FRAMEWORKS)
    parser.add_argument("--import", dest="modules", action="append", default=[])
    asked = parser.parse_args(words)
    with _own_output() as output:
        findings = _examine(FRAMEWORKS[asked.framework], asked.modules)
        output.write(json.dumps([finding.as_json() for finding in findings]).encode())
    return 0


@contextlib.contextmanager
def _own_output() -> Iterator[BinaryIO]:
    """Keep standard output to ourselves: packages print what they like, which goes to standard error."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        yield output


def _examine(framework: Framework, modules: Sequence[str]) -> list[Finding]:
    if not _installed(framework.module):
        return [Finding.skipped(f"{framework.name} replay", f"{framework.package} is not installed: skipped")]
    for module in modules:
        importlib.import_module(module)
    exporter, tracer_provider = InMemorySpanExporter(), TracerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    with serving() as provider:
        spanmeter.instrument(service_name="spanmeter-doctor", endpoint=provider.url, tracer_provider=tracer_provider)
        replay = Replay(provider, exporter)
        findings = list(replay.findings(framework))
        spanmeter.uninstrument()
        findings += replay.exported(framework)
    return [*findings, *_faults(framework), *instrumentors.active(framework.name)]


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _book() -> PriceBook:
    """The prices that applications have: without the user's where these cannot be read, which `prices` tells."""
    try:
        return PriceBook.load()
    except PriceFileError:
        return PriceBook.load(prices="")


def _plain(usd: Decimal) -> str:
    return f"{usd:f}".rstrip("0").rstrip(".") if "." in f"{usd:f}" else f"{usd:f}"


def _differences(told: Figures, counted: Figures) -> Iterator[str]:
    for field in Figures.__dataclass_fields__:
        was, should = getattr(counted, field), getattr(told, field)
        if was != should:
            yield f"{field} {was} instead of {should}"


def _gave_up(check: str, name: str, exchange: Exchange, error: str) -> Finding:
    text = f"{name} itself fails on {exchange.name}: {error}"
    return Finding.warning(check, text, "its calls could not be checked; see that its packages fit together: pip check")


def _faults(framework: Framework) -> Iterator[Finding]:
    for hook, count in ((hook, count) for hook, count in faults.items() if hook != _PRICES):
        text = f"Spanmeter failed {count} times in {hook}; the application was spared"
        yield Finding.problem(f"{framework.name} replay", text, _report())


def _report() -> str:
    return "update the package and spanmeter; if it stays, report it with the output of: spanmeter doctor --json"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
