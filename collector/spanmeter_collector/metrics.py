"""What Prometheus reads: counters and histograms made of the store at each scrape, so they go on across restarts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import wraps
from itertools import accumulate, groupby
from typing import Any, Final, TypeVar

from clickhouse_connect.driver.exceptions import ClickHouseError
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from spanmeter import semconv
from spanmeter_collector.rollup import NANOSECONDS, least_in_buckets
from spanmeter_collector.store import Store

CALL_LABELS: Final = ("service", "framework", "operation", "provider", "model")
PICOS: Final = 10**12
MODEL_LABELS: Final = ("service", "provider", "model")

_END: Final = b"# EOF\n"
C = TypeVar("C", bound=Collector)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LedgerCounter:
    """A counter over the ledger: its labels and what one row of the question adds to it, None for nothing."""

    name: str
    help: str
    labels: tuple[str, ...]
    amount: Callable[[Row], Decimal | int | None]


@dataclass(frozen=True, slots=True)
class SpanHistogram:
    """A histogram over spans: the families it is kept in, its columns by label, and its bounds in the exported unit."""

    name: str
    help: str
    families: tuple[str, ...]
    labels: Mapping[str, str]
    bounds: tuple[float, ...]
    scale: int


def _is_call(row: Row) -> bool:
    return bool(row["component"] == "call")


LEDGER_COUNTERS: Final = (
    LedgerCounter(
        "spanmeter_cost_usd",
        "US dollars charged.",
        (*CALL_LABELS, "component", "grade"),
        lambda row: None if row["usd"] is None or (_is_call(row) and row["usd"] == 0) else row["usd"],
    ),
    LedgerCounter(
        "spanmeter_tokens",
        "Tokens charged, in components that do not overlap.",
        (*CALL_LABELS, "component"),
        lambda row: None if _is_call(row) else row["tokens"],
    ),
    LedgerCounter(
        "spanmeter_unpriced_calls",
        "Answered calls whose price is unknown.",
        MODEL_LABELS,
        lambda row: row["unpriced_calls"] if _is_call(row) else None,
    ),
    LedgerCounter(
        "spanmeter_unpriced_tokens",
        "Tokens whose price is unknown.",
        MODEL_LABELS,
        lambda row: row["tokens"] if row["grade"] == "unpriced" else 0,
    ),
)

_OPERATION_LABELS: Final = {
    "service": "service",
    "gen_ai_operation_name": "operation",
    "gen_ai_provider_name": "provider",
    "gen_ai_request_model": "request_model",
}
SPAN_HISTOGRAMS: Final = (
    SpanHistogram(
        "gen_ai_client_token_usage",
        "Input and output tokens of operations.",
        ("input", "output"),
        _OPERATION_LABELS | {"gen_ai_token_type": "family"},
        semconv.TOKEN_BUCKETS,
        1,
    ),
    SpanHistogram(
        "gen_ai_client_operation_duration_seconds",
        "How long operations took.",
        ("duration",),
        _OPERATION_LABELS | {"error_type": "error_type"},
        semconv.DURATION_BUCKETS,
        NANOSECONDS,
    ),
    SpanHistogram(
        "gen_ai_client_operation_time_to_first_chunk_seconds",
        "How long streams took to bring their first chunk.",
        ("first_chunk",),
        _OPERATION_LABELS,
        semconv.DURATION_BUCKETS,
        NANOSECONDS,
    ),
)


def while_answered(collect: Callable[[C], Iterable[Metric]]) -> Callable[[C], Iterator[Metric]]:
    """Let a collector tell what it can while the store does not answer, so that everybody else is still read."""

    @wraps(collect)
    def told(collector: C) -> Iterator[Metric]:
        with suppress(ClickHouseError):
            yield from collect(collector)

    return told


class StoreCollector(Collector):
    """The families that come from the store. Labels are a closed set: never users, sessions, tags or prompts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        """Ask the store and yield every family, also the empty ones."""
        ledger = self._store.query("metrics_ledger", {})
        for counter in LEDGER_COUNTERS:
            yield _ledger_counter(counter, ledger)
        yield _calls(ledger)
        yield _priced_share(ledger)
        yield _duplicate_calls(self._store.query("metrics_duplicates", {}))
        observed = self._store.query("metrics_histograms", {})
        yield _cache_requests(observed)
        yield _cache_saved(observed)
        for histogram in SPAN_HISTOGRAMS:
            yield _histogram(histogram, observed)

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the store."""
        return ()


def _histogram(histogram: SpanHistogram, observed: Iterable[Row]) -> HistogramMetricFamily:
    rows = (row for row in observed if row["family"] in histogram.families)
    family = HistogramMetricFamily(histogram.name, histogram.help, labels=tuple(histogram.labels))
    for values, group in groupby(rows, key=lambda row: tuple(row[column] for column in histogram.labels.values())):
        family.add_metric(values, *_buckets(list(group), histogram))
    return family


def _ledger_counter(counter: LedgerCounter, ledger: Sequence[Row]) -> CounterMetricFamily:
    sums: defaultdict[tuple[str, ...], Decimal | int] = defaultdict(int)
    for row in ledger:
        amount = counter.amount(row)
        if amount is not None:
            sums[tuple(row[label] for label in counter.labels)] += amount
    family = CounterMetricFamily(counter.name, counter.help, labels=counter.labels)
    for values, amount in sums.items():
        family.add_metric(values, float(amount))
    return family


def _calls(ledger: Sequence[Row]) -> CounterMetricFamily:
    family = CounterMetricFamily("spanmeter_calls", "Calls by how they ended.", labels=(*CALL_LABELS, "outcome"))
    for outcome, column in (("answered", "calls"), ("failed", "failed_calls")):
        sums: Counter[tuple[str, ...]] = Counter()
        for row in filter(_is_call, ledger):
            sums[tuple(row[label] for label in CALL_LABELS)] += row[column]
        for values, number in sums.items():
            family.add_metric((*values, outcome), number)
    return family


def _priced_share(ledger: Sequence[Row]) -> GaugeMetricFamily:
    answered: Counter[str] = Counter()
    unpriced: Counter[str] = Counter()
    for row in filter(_is_call, ledger):
        answered[row["service"]] += row["calls"]
        unpriced[row["service"]] += row["unpriced_calls"]
    family = GaugeMetricFamily(
        "spanmeter_priced_share",
        "Answered calls with a known price, of all since the ledger began.",
        labels=("service",),
    )
    for service, calls in answered.items():
        if calls:
            family.add_metric((service,), (calls - unpriced[service]) / calls)
    return family


def _cache_requests(observed: Iterable[Row]) -> CounterMetricFamily:
    family = CounterMetricFamily(
        "spanmeter_cache_requests", "Requests to applications' caches.", labels=("service", "cache", "result")
    )
    results = {"cache_hits": "hit", "cache_misses": "miss"}
    for row in observed:
        if row["family"] in results:
            family.add_metric((row["service"], row["request_model"], results[row["family"]]), row["total"])
    return family


def _cache_saved(observed: Iterable[Row]) -> CounterMetricFamily:
    family = CounterMetricFamily(
        "spanmeter_cache_saved_usd", "US dollars that hits of caches saved, where known.", labels=("service", "cache")
    )
    for row in observed:
        if row["family"] == "cache_saved":
            family.add_metric((row["service"], row["request_model"]), row["total"] / PICOS)
    return family


def _duplicate_calls(rows: Iterable[Row]) -> CounterMetricFamily:
    family = CounterMetricFamily(
        "spanmeter_duplicate_calls", "Spans of calls that another span is counted for.", labels=("service", "reason")
    )
    for row in rows:
        family.add_metric((row["service"], row["reason"]), row["found"])
    return family


def _buckets(rows: Sequence[Row], histogram: SpanHistogram) -> tuple[list[tuple[str, float]], float]:
    observed = {row["least_in"]: row["observed"] for row in rows}
    counts = [observed.get(least, 0) for least in least_in_buckets(histogram.bounds, scale=histogram.scale)]
    names = [*map(_bound_text, histogram.bounds), "+Inf"]
    total = sum(row["total"] for row in rows) / histogram.scale
    return list(zip(names, accumulate(counts), strict=True)), total


def _bound_text(bound: float) -> str:
    return str(floatToGoString(bound))  # type: ignore[no-untyped-call]


class Exposition:
    """What a scraper reads: the families of a registry, and those of the store.

    Those of the store are made again when it was written to since; on a server, where others may write, each time. They
    are missing while it does not answer. Safe to share between threads.
    """

    def __init__(self, registry: CollectorRegistry, store: Store) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry
        self._store = store
        self._of_store = CollectorRegistry()
        self._of_store.register(StoreCollector(store))
        self._made: dict[str, tuple[int, bytes]] = {}

    def expose(self, accept: str) -> tuple[bytes, str]:
        """The body and content type a scraper with this Accept header reads: OpenMetrics or the text format."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry).removesuffix(_END) + self._families(encode, content_type), content_type

    def _families(self, encode: Callable[[CollectorRegistry], bytes], content_type: str) -> bytes:
        written = self._store.written
        made_at, body = self._made.get(content_type, (None, b""))
        if written is None or made_at != written:
            try:
                body = encode(self._of_store)
            except ClickHouseError:
                return encode(CollectorRegistry())
        if written is not None:
            self._made[content_type] = written, body
        return body
