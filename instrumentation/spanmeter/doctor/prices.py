"""The price book: whether the user's prices can be read, and how old the list is."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Final

from spanmeter.doctor.finding import Finding
from spanmeter.pricing import PriceBook, PriceFileError

CHECK: Final = "prices"
OLD_DAYS: Final = 60
_OVERLAY: Final = re.compile(r"overlay (\d{4}-\d{2}-\d{2})")


def check(*, user_file: str, today: date | None = None) -> list[Finding]:
    """What the price book is; `user_file` is what SPANMETER_PRICES names."""
    try:
        book = PriceBook.load()
    except PriceFileError as error:
        advice = (
            "correct the file: until then the sidecar and all commands refuse to start, applications use list prices"
        )
        return [Finding.problem(CHECK, f"SPANMETER_PRICES: {error}", advice)]
    own = [Finding.ok(CHECK, f"SPANMETER_PRICES={user_file} is read")] if user_file else []
    return [*own, _age(book.version, today or datetime.now(UTC).date())]


def _age(version: str, today: date) -> Finding:
    latest = newest_price(today)
    overlay = _OVERLAY.search(version)
    latest = max(latest, date.fromisoformat(overlay[1])) if overlay else latest
    days = max((today - latest).days, 0)
    text = f"{version}; its newest entry is of {latest}, {days} {'day' if days == 1 else 'days'} ago"
    if (today - latest).days <= OLD_DAYS:
        return Finding.ok(CHECK, text)
    return Finding.warning(CHECK, text, "models that came since are unpriced: pip install -U spanmeter genai-prices")


def newest_price(today: date) -> date:
    """The latest day, not after today, from which any listed price is in force."""
    from genai_prices.data import providers  # noqa: PLC0415  imports pydantic
    from genai_prices.types import StartDateConstraint  # noqa: PLC0415

    models = (model for provider in providers for model in provider.models)
    dated = (price for model in models for price in (*_conditional(model.prices), *(model.price_variants or ())))
    starts = (price.constraint.start_date for price in dated if isinstance(price.constraint, StartDateConstraint))
    return max((start for start in starts if start <= today), default=date.min)


def _conditional(prices: object) -> list[object]:
    return prices if isinstance(prices, list) else []
