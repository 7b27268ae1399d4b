"""What selects a price."""

from __future__ import annotations

from typing import NamedTuple


class PriceKey(NamedTuple):  # made and looked up for every call: a frozen dataclass takes four times as long
    """Provider and model as named on the span, the API, the service tier and the region or data residency.

    `service_tier` is the provider's word: `batch`, `flex`, `priority`, `fast`, or a word for the standard one.
    """

    provider: str
    model: str
    api: str = ""
    service_tier: str = ""
    region: str = ""
