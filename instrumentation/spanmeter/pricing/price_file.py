"""The user's price file: read, and checked as a whole. Its format is described in deploy/prices.example.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

from spanmeter.pricing.contradiction import contradictions
from spanmeter.pricing.key_lines import Path as KeyPath
from spanmeter.pricing.key_lines import key_lines, line_of
from spanmeter.pricing.money import MONEY
from spanmeter.pricing.names import provider_id
from spanmeter.pricing.price_entry import Entry
from spanmeter.pricing.price_file_error import PriceFileError
from spanmeter.pricing.rates import TOKEN_PRICES, UNIT_PRICES, Rate
from spanmeter.pricing.terms import AgreedPrice, Alias, Discount, Terms

_TABLES: Final = ("price", "discount", "alias")
_PRICES: Final = ("usd_per_mtok", "usd_per_unit", "usd_per_second", "usd_per_gpu_hour")
_PRICE_KEYS: Final = (*_PRICES, "gpus", "concurrency", "over_reported")
_DISCOUNT_KEYS: Final = ("percent", "factor", "buckets", "over_reported")
_ALIAS_KEYS: Final = ("to_model", "to_provider")
_BUCKETS: Final = (*TOKEN_PRICES, *UNIT_PRICES)
_ZERO, _ONE, _HUNDRED, _HOUR = Decimal(0), Decimal(1), Decimal(100), Decimal(3600)
_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_T = TypeVar("_T")


def read_price_file(path: Path) -> Terms:
    """The prices in a file.

    Raises:
        PriceFileError: The file cannot be read, or something in it is wrong: `FILE:LINE: key …: what; allowed: …`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PriceFileError(f"{path}: cannot be read: {error.strerror}; allowed: a TOML file") from error
    return parse_prices(content, name=str(path))


def parse_prices(content: bytes, *, name: str) -> Terms:
    """As `read_price_file`, of a file's content."""
    document, lines = _document(content, name)
    entries = {table: _entries(document.get(table, []), table, lines) for table in _TABLES}
    file = Path(name).name
    terms = Terms(
        version=f"{file} {sha256(content).hexdigest()[:12]}",
        prices=_sound(entries["price"], _price, file),
        discounts=_sound(entries["discount"], _discount, file),
        aliases=_sound(entries["alias"], _alias, file),
    )
    problems = [problem for table in entries.values() for entry in table for problem in entry.problems]
    problems += [*_strangers(document, lines), *contradictions(terms)]
    if problems:
        raise PriceFileError("\n".join(f"{name}:{line}: {problem}" for line, problem in sorted(set(problems))))
    return terms


def _document(content: bytes, name: str) -> tuple[Mapping[str, Any], dict[KeyPath, int]]:
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
        return tomllib.loads(text, parse_float=Decimal), key_lines(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PriceFileError(f"{name}:{line}: this is not UTF-8; allowed: a TOML file in UTF-8") from error
    except (ValueError, RecursionError, ArithmeticError) as error:
        said = str(error)
        place = _PLACE.search(said)
        line = int(place[1]) if place and place[1] else content.count(b"\n") + 1
        raise PriceFileError(f"{name}:{line}: this is not TOML: {_PLACE.sub('', said)}; allowed: TOML 1.0") from error


def _entries(tables: object, table: str, lines: dict[KeyPath, int]) -> list[Entry]:
    listed = tables if isinstance(tables, list) else []
    return [Entry((table, index), each, lines) for index, each in enumerate(listed) if isinstance(each, dict)]


def _sound(entries: list[Entry], read: Callable[[Entry, str], _T], file: str) -> tuple[_T, ...]:
    """What the entries say that have nothing wrong in them."""
    both = [(read(entry, file), entry) for entry in entries]
    return tuple(said for said, entry in both if not entry.problems)


def _strangers(document: Mapping[str, Any], lines: dict[KeyPath, int]) -> Iterator[tuple[int, str]]:
    """What stands at the top of the file and is no list of one of the tables."""
    allowed = ", ".join(f"[[{table}]]" for table in _TABLES)
    for key, value in document.items():
        is_list = isinstance(value, list) and all(isinstance(each, dict) for each in value)
        if key not in _TABLES or not is_list:
            line = lines.get((key,)) or line_of(lines, (key, 0))
            what = "it must stand in double brackets" if key in _TABLES else "there is no such table"
            yield line, f"key {key!r}: {what}; allowed: {allowed}"


def _price(entry: Entry, file: str) -> AgreedPrice:
    entry.check_keys(_PRICE_KEYS)
    prices = {TOKEN_PRICES[bucket]: rate for bucket, rate in entry.table("usd_per_mtok", TOKEN_PRICES).items()}
    for bucket, rate in entry.table("usd_per_unit", UNIT_PRICES).items():
        key, many = UNIT_PRICES[bucket]
        prices[key] = Rate(rate.base * many, tuple((threshold, price * many) for threshold, price in rate.steps))
    hourly = _hourly(entry)
    if hourly is not None:
        prices["compute_hours"] = Rate(hourly)
    if not prices and not entry.problems:
        entry.wrong("usd_per_mtok", "the entry has no price", f"at least one of {', '.join(_PRICES)}")
    source = f"{file}:{entry.line}"
    sourced = {key: Rate(rate.base, rate.steps, source) for key, rate in prices.items()}
    return AgreedPrice(entry.scope(), sourced, entry.line, hourly is not None, entry.truth("over_reported"))


def _hourly(entry: Entry) -> Decimal | None:
    """What an hour of a call's time costs."""
    second, gpu_hour = entry.number("usd_per_second"), entry.number("usd_per_gpu_hour")
    gpus, concurrency = entry.number("gpus", positive=True), entry.number("concurrency", positive=True)
    if second is not None and gpu_hour is not None:
        entry.wrong("usd_per_gpu_hour", "there is 'usd_per_second' too", "one of both")
    if gpus is not None and gpu_hour is None:
        entry.wrong("gpus", "there is no 'usd_per_gpu_hour'", "only beside 'usd_per_gpu_hour'")
    if concurrency is not None and second is None and gpu_hour is None:
        entry.wrong(
            "concurrency", "the entry has no price by time", "only beside 'usd_per_second' or 'usd_per_gpu_hour'"
        )
    if second is None and gpu_hour is None:
        return None
    hourly = MONEY.multiply(gpu_hour, gpus or _ONE) if gpu_hour is not None else MONEY.multiply(second or _ZERO, _HOUR)
    return MONEY.divide(hourly, concurrency or _ONE)


def _discount(entry: Entry, file: str) -> Discount:
    entry.check_keys(_DISCOUNT_KEYS)
    percent, factor = entry.number("percent", most=_HUNDRED), entry.number("factor", most=_HUNDRED)
    if (percent is None) == (factor is None) and not entry.problems:
        entry.wrong("factor", "an entry needs 'percent' or 'factor', and not both", "percent = 15, or factor = 0.85")
    multiplier = factor if factor is not None else _ONE - MONEY.divide(percent or _ZERO, _HUNDRED)
    buckets = entry.texts("buckets", _BUCKETS)
    source = f"discount, {file}:{entry.line}"
    return Discount(entry.scope(any_model=True), multiplier, entry.line, source, buckets, entry.truth("over_reported"))


def _alias(entry: Entry, file: str) -> Alias:
    entry.check_keys(_ALIAS_KEYS)
    model, provider = entry.text("to_model", needed=True), entry.text("to_provider")
    return Alias(entry.scope(), provider_id(provider), model, entry.line, f"{file}:{entry.line}")
