"""Variables of the environment that keep calls from being measured or sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from spanmeter.destination import DEFAULT_ENDPOINT, Destination
from spanmeter.doctor.finding import Finding

CHECK: Final = "OTEL_* variables"
FEWEST_ATTRIBUTES: Final = 64
_GRPC_PORT: Final = 4317
_LIMITS: Final = {
    "OTEL_ATTRIBUTE_COUNT_LIMIT": "attributes a span may have",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "attributes a span may have",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "characters an attribute may have",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "characters an attribute may have",
}


def check(environ: Mapping[str, str]) -> list[Finding]:
    """Everything that is worth saying about the variables, at least where spans are sent."""
    found = [finding for ask in _QUESTIONS for finding in ask(environ)]
    return [*found, _destination(environ)]


def _disabled(environ: Mapping[str, str]) -> Iterator[Finding]:
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield Finding.problem(CHECK, "OTEL_SDK_DISABLED=true: spanmeter.instrument() does nothing", "unset it")


def _sampler(environ: Mapping[str, str]) -> Iterator[Finding]:
    sampler = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    advice = "unset OTEL_TRACES_SAMPLER, or sample behind the sidecar: what is not sent has no cost in the ledger"
    if sampler.endswith("always_off"):
        yield Finding.problem(CHECK, f"OTEL_TRACES_SAMPLER={sampler}: no span reaches the ledger", advice)
    if sampler.endswith("traceidratio") and (share := _share(environ)) < 1:
        text = f"OTEL_TRACES_SAMPLER={sampler} keeps {share:.1%} of the traces: the ledger lacks the others"
        yield Finding.problem(CHECK, text, advice)


def _share(environ: Mapping[str, str]) -> float:
    try:
        return float(environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip() or 1)
    except ValueError:
        return 1.0  # as the SDK takes it


def _limits(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name, what in _LIMITS.items():
        told = environ.get(name, "").strip()
        if told.isdecimal() and int(told) < FEWEST_ATTRIBUTES:
            text = f"{name}={told}: so few {what} may cut off tokens or names"
            yield Finding.problem(CHECK, text, f"unset it, or set at least {FEWEST_ATTRIBUTES}")


def _queue(environ: Mapping[str, str]) -> Iterator[Finding]:
    queue = environ.get("OTEL_BSP_MAX_QUEUE_SIZE", "").strip()
    if queue.isdecimal() and int(queue) < 2048:
        text = f"OTEL_BSP_MAX_QUEUE_SIZE={queue}: a burst of spans overflows so small a queue"
        yield Finding.warning(CHECK, text, "unset it; Spanmeter's own queue holds 16,384")


_QUESTIONS: Final[tuple[Callable[[Mapping[str, str]], Iterator[Finding]], ...]] = (
    _disabled,
    _sampler,
    _limits,
    _queue,
)


def _destination(environ: Mapping[str, str]) -> Finding:
    """Where spans go, of the process's own environment; `environ` says only by which variable."""
    try:
        url = Destination.of("traces", None).url
    except ValueError as error:
        return Finding.problem(CHECK, str(error), "correct it: spanmeter.instrument() refuses to start with it")
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    told = next((name for name in names if environ.get(name, "").strip()), "")
    if urlsplit(url).port == _GRPC_PORT:
        text = f"{told} names port {_GRPC_PORT}, which speaks gRPC; Spanmeter sends OTLP over HTTP"
        return Finding.problem(CHECK, text, f"set {told} to the HTTP port, such as {DEFAULT_ENDPOINT}")
    where = f"by {told}" if told else "by default"
    return Finding.ok(
        CHECK, f"spans are sent to {url} ({where}), unless spanmeter.instrument(endpoint=…) says otherwise"
    )
