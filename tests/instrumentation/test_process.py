"""What the calls of a process share is there whatever the user's price file says."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from spanmeter.barrier import faults
from spanmeter.pricing import Amount, PriceKey, Usage
from spanmeter.process import calls

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OWN = """[[price]]
provider = "openai"
model = "gpt-4o-mini"
usd_per_mtok = { input = 7, output = 7 }
"""


def price_of_a_million_tokens() -> Amount | None:
    price = calls.__wrapped__().price
    assert price is not None
    amount = price(PriceKey("openai", "gpt-4o-mini"), Usage(input=1_000_000), at=NOW)
    assert isinstance(amount, Amount)
    return amount


def test_the_users_prices_are_those_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prices.toml").write_text(OWN, encoding="utf-8")
    monkeypatch.setenv("SPANMETER_PRICES", str(tmp_path / "prices.toml"))
    assert price_of_a_million_tokens() == Amount(Decimal(7), "computed")


def test_a_wrong_price_file_is_said_and_counted_and_list_prices_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = tmp_path / "prices.toml"
    wrong.write_text(OWN.replace("usd_per_mtok", "euros"), encoding="utf-8")
    monkeypatch.setenv("SPANMETER_PRICES", str(wrong))
    before = faults["prices"]

    assert price_of_a_million_tokens() == Amount(Decimal("0.15"), "computed")
    assert faults["prices"] == before + 1
    (said,) = caplog.messages
    assert said.startswith(f"the application goes on without the prices of {wrong}:")
