"""What selects a price."""

from __future__ import annotations

from typing import NamedTuple


class PriceKey(NamedTuple):  # made and looked up for every call: a frozen dataclass takes four times as long
    """Provider and model as named on the span, the API, the service tier, the region or data residency, the tenant.

    `service_tier` is the provider's word: `batch`, `flex`, `priority`, `fast`, or a word for the standard one.
    `tenant` is the application's customer, for whom the user's price file may hold other prices.
    """

    provider: str
    model: str
    api: str = ""
    service_tier: str = ""
    region: str = ""
    tenant: str = ""
