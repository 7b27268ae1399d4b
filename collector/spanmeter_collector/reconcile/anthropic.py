"""Anthropic's usage and cost reports: the pages of its Admin API and the files its console exports.

https://docs.claude.com/en/api/admin-api/usage-cost/get-messages-usage-report and …/get-cost-report, whose amounts are
in cents; the console's file has dollars, rounded to cents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from spanmeter_collector.reconcile.line import (
    REQUESTS,
    WEB_SEARCHES,
    Line,
    Record,
    UnreadLineError,
    amount,
    count,
    day_of,
    text,
)

_TOKEN_TYPES: Final[Mapping[str, str]] = {
    "uncached_input_tokens": "input",
    "cache_read_input_tokens": "cache_read",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write_5m",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h",
    "output_tokens": "output",
    "input_no_cache": "input",
    "input_cache_read": "cache_read",
    "input_cache_write_5m": "cache_write_5m",
    "input_cache_write_1h": "cache_write_1h",
    "output": "output",
}
_COLUMNS: Final[Mapping[str, str]] = {
    "usage_input_tokens_no_cache": "input",
    "usage_input_tokens_cache_read": "cache_read",
    "usage_input_tokens_cache_write_5m": "cache_write_5m",
    "usage_input_tokens_cache_write_1h": "cache_write_1h",
    "usage_output_tokens": "output",
}
_CENTS: Final = Decimal("0.01")


def read_usage(record: Record) -> Iterator[Line]:
    """A result of the usage report, whose input is what was neither read from nor written to a cache.

    Raises:
        UnreadLineError: A figure is not understood.
    """
    written = _mapping(record, "cache_creation")
    counts = {
        "input": count(record, "uncached_input_tokens"),
        "cache_read": count(record, "cache_read_input_tokens"),
        "cache_write_5m": count(written, "ephemeral_5m_input_tokens"),
        "cache_write_1h": count(written, "ephemeral_1h_input_tokens"),
        "output": count(record, "output_tokens"),
    }
    yield from _lines(record, text(record, "model"), counts, _terms(record, "service_tier"))
    yield from _searches(record, count(_mapping(record, "server_tool_use"), "web_search_requests"))


def read_usage_row(record: Record) -> Iterator[Line]:
    """A row of the console's usage file.

    Raises:
        UnreadLineError: A figure is not understood.
    """
    counts = {component: count(record, column) for column, component in _COLUMNS.items()}
    yield from _lines(record, text(record, "model_version"), counts, _terms(record, "usage_type"))
    yield from _searches(record, count(record, "web_search_count"))


def read_cost(record: Record) -> Iterator[Line]:
    """A result of the cost report, in cents.

    Raises:
        UnreadLineError: A figure or the currency is not understood.
    """
    cents = amount(record, "amount")
    if cents is None:
        return
    if text(record, "currency").upper() not in {"", "USD"}:
        raise UnreadLineError(f"the amount is in {text(record, 'currency')}, and the ledger is in US dollars")
    yield _cost(record, cents * _CENTS, _terms(record, "service_tier"))


def read_cost_row(record: Record) -> Iterator[Line]:
    """A row of the console's cost file, in dollars.

    Raises:
        UnreadLineError: A figure is not understood.
    """
    usd = amount(record, "cost_usd")
    if usd is not None:
        yield _cost(record, usd, _terms(record, "usage_type"))


def _cost(record: Record, usd: Decimal, terms: str) -> Line:
    kind, told = text(record, "cost_type"), text(record, "token_type")
    if "web_search" in (kind, told):
        return Line(day_of(record), WEB_SEARCHES, kind or told, usd=usd)
    component = _TOKEN_TYPES.get(told, told or (kind if kind not in {"token", "tokens"} else ""))
    other = "" if text(record, "model") else text(record, "description")
    return Line(day_of(record), text(record, "model"), component or other, usd=usd, terms=terms)


def _lines(record: Record, model: str, counts: Mapping[str, Decimal], terms: str) -> Iterator[Line]:
    day = day_of(record)
    requests = amount(record, "num_requests")
    if requests is not None:
        yield Line(day, model, REQUESTS, requests)
    for component, tokens in counts.items():
        if tokens:
            yield Line(day, model, component, tokens, terms=terms)


def _searches(record: Record, searches: Decimal) -> Iterator[Line]:
    if searches:
        yield Line(day_of(record), WEB_SEARCHES, "web_searches", searches)


def _terms(record: Record, name: str) -> str:
    told = [text(record, name).lower(), text(record, "inference_geo").lower(), text(record, "speed").lower()]
    window = text(record, "context_window").lower().replace(" ", "")
    long = "long context" if window in {"200k-1m", ">200k"} else ""
    usual = {"", "standard", "message", "not_available", "global"}
    return ", ".join([*(word for word in told if word not in usual), *filter(None, (long,))])


def _mapping(record: Record, name: str) -> Mapping[str, Any]:
    value = record.get(name)
    return value if isinstance(value, Mapping) else {}
