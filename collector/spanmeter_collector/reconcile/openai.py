"""OpenAI's costs and usage: the pages of its API and the files its dashboard exports, which have the same fields.

https://platform.openai.com/docs/api-reference/usage; fields as in `openai.types.admin.organization` of its SDK 2.54.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

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

# "gpt-4o-mini-2024-07-18, cached input", "priority | gpt-5.6-sol, output, long context", "gpt-audio audio, input"
_ITEM: Final = re.compile(
    r"(?:(?P<terms>[^|]+?) \| )?(?P<model>[^\s,|]+)(?: (?P<modality>text|audio|image))?"
    r", (?P<kind>cached input|cache writes|input|output)(?:, (?P<more>.+))?"
)
_OTHER_ITEM: Final = re.compile(r"(?P<model>[^\s,|]+)(?:, (?P<kind>.+))?")
_COMPONENTS: Final[Mapping[tuple[str, str], str]] = {
    ("input", ""): "input",
    ("input", "audio"): "input_audio",
    ("input", "image"): "input_image",
    ("cached input", ""): "cache_read",
    ("cached input", "audio"): "cache_read_audio",
    ("cached input", "image"): "cache_read",
    ("cache writes", ""): "cache_write_5m",
    ("output", ""): "output",
    ("output", "audio"): "output_audio",
    ("output", "image"): "output_image",
}
# The details of the sums beside them; what they leave of the sum is text.
_AUDIO_AND_IMAGE: Final[Mapping[str, tuple[str, str]]] = {
    "input": ("input_audio_tokens", "input_image_tokens"),
    "output": ("output_audio_tokens", "output_image_tokens"),
}


def read_cost(record: Record) -> Iterator[Line]:
    """A result of `/organization/costs`, or a row of the cost export.

    Raises:
        UnreadLineError: A figure or the currency is not understood.
    """
    money = record.get("amount")
    usd = amount(money, "value") if isinstance(money, Mapping) else amount(record, "amount_value")
    currency = text(money if isinstance(money, Mapping) else record, "currency" if money else "amount_currency")
    if usd is None:
        return
    if currency.lower() not in {"", "usd"}:
        raise UnreadLineError(f"the amount is in {currency}, and the ledger is in US dollars")
    model, component, terms = _item(text(record, "line_item"))
    yield Line(day_of(record), model, component, amount(record, "quantity"), usd, terms)


def _item(told: str) -> tuple[str, str, str]:
    """Model, component and terms of a line item; the API documents no form for it."""
    if match := _ITEM.fullmatch(told):
        modality = "" if match["modality"] in {None, "text"} else match["modality"]
        component = _COMPONENTS.get((match["kind"], modality), f"{modality} {match['kind']}".strip())
        return match["model"], component, ", ".join(filter(None, (match["terms"], match["more"])))
    if "web search" in told.lower():
        return WEB_SEARCHES, told, ""
    if match := _OTHER_ITEM.fullmatch(told):
        return match["model"], match["kind"] or "", ""
    return "", told, ""


def read_usage(record: Record) -> Iterator[Line]:
    """A result of `/organization/usage/completions` or `/embeddings`, or a row of the usage export.

    Input includes cached tokens and cache writes, which are told apart.

    Raises:
        UnreadLineError: A figure is not understood, or parts are more than their sum.
    """
    if amount(record, "num_model_requests") is None:
        return
    day, model = day_of(record), text(record, "model")
    terms = _terms(record)
    yield Line(day, model, REQUESTS, count(record, "num_model_requests"))
    for component, tokens in _tokens(record).items():
        if tokens < 0:
            raise UnreadLineError(f"the parts of {component} are more than their sum")
        if tokens:
            yield Line(day, model, component, tokens, terms=terms)


def _tokens(record: Record) -> dict[str, Decimal]:
    cached, written = count(record, "input_cached_tokens"), count(record, "input_cache_write_tokens")
    cached_audio = count(record, "input_cached_audio_tokens")
    heard, seen = (count(record, name) for name in _AUDIO_AND_IMAGE["input"])
    spoken, drawn = (count(record, name) for name in _AUDIO_AND_IMAGE["output"])
    return {
        "input": count(record, "input_tokens") - cached - written - heard - seen,
        "cache_read": cached - cached_audio,
        "cache_write_5m": written,
        "input_audio": heard,
        "cache_read_audio": cached_audio,
        "input_image": seen,
        "output": count(record, "output_tokens") - spoken - drawn,
        "output_audio": spoken,
        "output_image": drawn,
    }


def _terms(record: Record) -> str:
    tier = text(record, "service_tier").lower()
    batch = "batch" if text(record, "batch").lower() == "true" else ""
    return ", ".join(filter(None, (batch, "" if tier in {"default", "standard", "auto"} else tier)))
