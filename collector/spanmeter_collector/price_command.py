"""`spanmeter price`: what one response, or each of many, costs, with the arithmetic."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Final

from spanmeter.pricing.book import PriceBook
from spanmeter.pricing.cost import Component
from spanmeter.pricing.price_file_error import PriceFileError
from spanmeter.pricing.response import Bill, Response, price
from spanmeter.pricing.usage import BUCKETS

_MALFORMED: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `spanmeter price`."""
    parser.add_argument("--provider", help="who answered, such as openai, anthropic or gcp.gemini")
    parser.add_argument("--api", default="", help="which of the provider's APIs, such as chat.completions or responses")
    parser.add_argument("--model", help="the model's name as the response gives it")
    parser.add_argument("--usage", metavar="JSON", help="the raw usage object of the response")
    parser.add_argument("--at", metavar="TIME", help="when it was answered, RFC 3339; now if not given")
    parser.add_argument(
        "--context",
        metavar="JSON",
        default="{}",
        help='what else is known: {"service_tier": "flex", "inference_geo": "us", "tenant": "acme", "duration_s": 1.5}',
    )
    parser.add_argument("--prices", metavar="FILE", help="the file with your own prices; SPANMETER_PRICES unless given")
    parser.add_argument(
        "--jsonl", metavar="FILE", help="price each line of a file, - for standard input; one JSON line each"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for; 0, or 2 when any of the input, or the price file, is malformed."""
    try:
        response = None if arguments.jsonl else _from_options(arguments)
        book = PriceBook.load(prices=arguments.prices)
    except MalformedInputError as error:
        _complain(str(error))
        return _MALFORMED
    except PriceFileError as error:
        sys.stderr.write(f"{error}\n")
        return _MALFORMED
    if response is None:
        return _price_lines(arguments.jsonl, book)
    sys.stdout.write(_arithmetic(response, price(book, response)) + "\n")
    return 0


class MalformedInputError(Exception):
    """What is wrong with the input, for the person who gave it."""


def _complain(sentence: str) -> None:
    sys.stderr.write(f"spanmeter price: {sentence}\n")


def _price_lines(name: str, book: PriceBook) -> int:
    try:
        opened = _opened(name)
    except OSError as error:
        _complain(f"cannot read --jsonl {name}: {error.strerror}")
        return _MALFORMED
    with opened as lines:
        return _answer(lines, book)


def _opened(name: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb")


def _answer(lines: BinaryIO, book: PriceBook) -> int:
    status = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = _mapping(line, "line")
            answer = _answered(entry.get("id"), price(book, _from_line(entry)))
            sys.stdout.write(json.dumps(answer, default=float) + "\n")
        except MalformedInputError as error:
            _complain(f"line {number}: {error}")
            status = _MALFORMED
    return status


def _from_options(arguments: argparse.Namespace) -> Response:
    missing = [f"--{name}" for name in ("provider", "model", "usage") if not getattr(arguments, name)]
    if missing:
        raise MalformedInputError(f"give {', '.join(missing)}, or --jsonl FILE")
    return Response(
        provider=arguments.provider,
        model=arguments.model,
        api=arguments.api,
        usage=_mapping(arguments.usage, "--usage"),
        at=_time(arguments.at, "--at"),
        request_context=_mapping(arguments.context, "--context"),
    )


def _from_line(entry: Mapping[str, Any]) -> Response:
    return Response(
        provider=_text(entry, "provider"),
        model=_text(entry, "model"),
        api=_text(entry, "api") if entry.get("api") else "",
        usage=_part(entry, "usage_raw"),
        at=_time(entry.get("timestamp"), "timestamp"),
        request_context=_part(entry, "request_context", default={}),
        response_extra=_part(entry, "response_extra", default={}),
    )


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedInputError(f"{name!r} must be a text, not {json.dumps(value, default=str)}")
    return value


def _part(entry: Mapping[str, Any], name: str, default: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    value = entry.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, dict):
        raise MalformedInputError(f"{name!r} must be an object, not {json.dumps(value, default=str)}")
    return value


def _mapping(text: str | bytes, name: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise MalformedInputError(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise MalformedInputError(f"{name} must be a JSON object, not {json.dumps(value, default=str)[:60]}")
    return value


def _time(text: object, name: str) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
        utc = at and (at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        utc = None
    if utc is None:
        raise MalformedInputError(f"{name} must be an RFC 3339 time such as 2026-11-22T12:00:00Z, not {text!r}")
    return utc


def _answered(identity: object, bill: Bill) -> dict[str, object]:
    return {
        "id": identity,
        "cost_usd": _plain(bill.cost.usd),
        "grade": bill.cost.grade,
        "usage": {bucket: getattr(bill.usage, bucket) for bucket in BUCKETS},
        "components": [_component(component) for component in bill.cost.components],
        "reason": "; ".join(filter(None, (bill.cost.reason, *bill.notes))),
    }


def _component(component: Component) -> dict[str, object]:
    name = "usd_per_mtok" if component.usd_per_unit is None else "usd_per_unit"
    return {
        "label": component.label,
        "count": component.count,
        name: _plain(getattr(component, name)),
        "usd": _plain(component.usd),
    }


def _plain(amount: Decimal | None) -> str | None:
    if amount is None:
        return None
    digits = f"{amount:f}"
    return digits.rstrip("0").rstrip(".") or "0" if "." in digits else digits


def _arithmetic(response: Response, bill: Bill) -> str:
    rows = [_row(component) for component in bill.cost.components]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = [f"{response.provider} {response.model}, {response.at:%Y-%m-%dT%H:%M:%SZ}"]
    lines += [f"  {row[0]:>{widths[0]}} {row[1]:<{widths[1]}}  x {row[2]:<{widths[2]}}  = {row[3]}" for row in rows]
    total = "not known" if bill.cost.usd is None else f"${_plain(bill.cost.usd)}"
    lines.append(f"{total} ({bill.cost.grade}; {bill.cost.price_version})")
    return "\n".join([*lines, *filter(None, (bill.cost.reason, *bill.notes))])


def _row(component: Component) -> tuple[str, str, str, str]:
    if component.usd is None:
        return f"{component.count:,}", component.label, "no known price", "not known"
    per_unit = component.usd_per_mtok is None
    amount, unit = (component.usd_per_unit, "each") if per_unit else (component.usd_per_mtok, "per million")
    return f"{component.count:,}", component.label, f"${_plain(amount)} {unit}", f"${_plain(component.usd)}"
