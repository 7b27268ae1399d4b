from __future__ import annotations

import pytest

from spanmeter.pricing.price_file import parse_prices
from spanmeter.pricing.price_file_error import PriceFileError

TIMES = "allowed: times that do not overlap"
AT = ", for a time that both name"


ALIAS = '[[alias]]\nprovider = "p"\nmodel = "m"\nto_model = "a"\n'


def _price(*lines: str, input_price: str = "1") -> str:
    return "\n".join(("[[price]]", 'provider = "p"', 'model = "m"', f"usd_per_mtok.input = {input_price}", *lines, ""))


def _discount(*lines: str) -> str:
    return "\n".join(("[[discount]]", 'provider = "p"', *lines, ""))


REFUSED = {
    "always": (
        _price() + _price(input_price="2"),
        f"5: key 'start': the price of input of p m differs from line 1{AT}",
    ),
    "one-of-the-models": (
        _price() + _price(input_price="2").replace('"m"', '["x", "m"]'),
        f"5: key 'start': the price of input of p m differs from line 1{AT}",
    ),
    "a-part-of-the-time": (
        _price("end = 2026-02-01") + _price("start = 2026-01-31", input_price="2"),
        f"6: key 'start': the price of input of p m differs from line 1{AT}",
    ),
    "discounts": (
        _discount("percent = 1") + _discount("percent = 2"),
        f"4: key 'start': the discount of p * differs from line 1{AT}",
    ),
    "discounts-on-a-bucket": (
        _discount("percent = 1", 'buckets = ["output"]') + _discount("percent = 2", 'buckets = ["input", "output"]'),
        f"5: key 'start': the discount on output of p * differs from line 1{AT}",
    ),
    "aliases": (
        ALIAS + ALIAS.replace('"a"', '"b"'),
        f"5: key 'start': the alias of p m differs from line 1{AT}",
    ),
    "by-time": (
        _price("usd_per_second = 1") + _price("usd_per_second = 2"),
        f"6: key 'start': the price of time of p m differs from line 1{AT}",
    ),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_one_thing_has_one_price_at_one_time(text: str, message: str) -> None:
    with pytest.raises(PriceFileError) as refused:
        parse_prices(text.encode(), name="p.toml")
    assert str(refused.value) == f"p.toml:{message}; {TIMES}"


ALLOWED = {
    "the-same-price": _price() + _price(),
    "one-after-the-other": _price("end = 2026-02-01") + _price("start = 2026-02-01", input_price="2"),
    "another-tenant": _price() + _price('tenant = "acme"', input_price="2"),
    "another-tier": _price() + _price('service_tier = "batch"', input_price="2"),
    "another-region": _price() + _price('region = "eu"', input_price="2"),
    "another-pattern": _price() + _price(input_price="2").replace('"m"', '"m*"'),
    "another-bucket": _price() + _price().replace("input", "output"),
    "a-bucket-and-all": _discount("percent = 1") + _discount("percent = 2", 'buckets = ["input"]'),
}


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED)
def test_what_is_about_something_else_may_differ(text: str) -> None:
    assert parse_prices(text.encode(), name="p.toml").scopes
