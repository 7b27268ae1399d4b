"""Amounts of money as text."""

from __future__ import annotations

from decimal import Decimal

import pytest

from spanmeter_collector.money import readable_usd, usd_text


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, None),
        ("0", "0"),
        ("0E-12", "0"),
        ("-0.000", "0"),
        ("0.000330000000", "0.00033"),
        ("1.2E-7", "0.00000012"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("1200.500", "1200.5"),
        ("-0.000010", "-0.00001"),
        ("12345678901234567890.123456789012", "12345678901234567890.123456789012"),
    ],
)
def test_money_has_no_exponent_and_no_trailing_zeros(usd: str | None, text: str | None) -> None:
    assert usd_text(None if usd is None else Decimal(usd)) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "unknown"),
        ("0", "$0.00"),
        ("1234567.891", "$1,234,567.89"),
        ("1", "$1.00"),
        ("0.5", "$0.5000"),
        ("0.01234", "$0.0123"),
        ("0.00033", "$0.000330"),
        ("0.0000123", "$0.000012"),
        ("0.00000024", "$0.000000240"),
        ("-0.00033", "-$0.000330"),
    ],
)
def test_people_read_dollars_cents_and_millionths(usd: str | None, text: str) -> None:
    assert readable_usd(usd) == text
