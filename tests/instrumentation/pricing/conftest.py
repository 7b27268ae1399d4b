from __future__ import annotations

import pytest

from spanmeter.pricing import PriceBook


@pytest.fixture(scope="session")
def book() -> PriceBook:
    return PriceBook.load()
