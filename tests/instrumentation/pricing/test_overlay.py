from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from spanmeter.pricing.overlay import Overlay
from spanmeter.pricing.rates import Rate

TEXT = """
version = "v"
[[price]]
provider = "p"
models = ["m-*"]
start = 2026-01-01T00:00:00Z
end = 2026-02-01T00:00:00Z
input_mtok = [[0, 1.5], [200000, 3]]
source = "page"
[[factor]]
provider = "p"
models = ["*"]
service_tier = "batch"
factor = 0.5
source = "page"
"""
MOMENT = datetime(2026, 1, 31, 23, tzinfo=UTC)


def test_an_entry_holds_from_its_start_until_its_end() -> None:
    (entry,) = Overlay.parse(TEXT).prices_for("p", "m-1")
    assert entry.prices == {"input_mtok": Rate(Decimal("1.5"), ((200000, Decimal(3)),))}
    times = [datetime(2025, 12, 31, 23, 59, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), MOMENT]
    assert [entry.scope.holds(at) for at in [*times, datetime(2026, 2, 1, tzinfo=UTC)]] == [False, True, True, False]


def test_an_entry_is_about_its_own_models_only() -> None:
    overlay = Overlay.parse(TEXT)
    assert overlay.prices_for("p", "other") == overlay.prices_for("q", "m-1") == ()


def test_a_factor_is_known_for_its_tier_only() -> None:
    overlay = Overlay.parse(TEXT)
    batch = overlay.tier_factor("p", "m-1", MOMENT, "batch")
    assert batch is not None
    assert (batch.factor, batch.source) == (Decimal("0.5"), "batch, page")
    assert overlay.tier_factor("p", "m-1", MOMENT, "flex") is None
    assert overlay.region_factor("p", "m-1", MOMENT, "us") is None


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('provider = "p"\nmodels = ["m"]\ninput_mtok = 1', "needs 'source'"),
        ('provider = "p"\nmodels = ["m"]\nsource = "page"', "has no price such as 'input_mtok'"),
    ],
    ids=["no-source", "no-price"],
)
def test_a_malformed_entry_is_refused(entry: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Overlay.parse(f'version = "v"\n[[price]]\n{entry}\n')


def test_the_corrections_that_come_along_are_well_formed() -> None:
    overlay = Overlay.load()
    scopes = [entry.scope for entry in overlay.prices] + [entry.scope for entry in overlay.factors]
    assert all(scope.start < scope.end for scope in scopes)
