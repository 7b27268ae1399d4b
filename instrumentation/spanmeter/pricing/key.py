"""What selects a price."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PriceKey:
    """Provider and model as named on the span, the API, the service tier and the region or data residency.

    `service_tier` is the provider's word: `batch`, `flex`, `priority`, `fast`, or a word for the standard one.
    """

    provider: str
    model: str
    api: str = ""
    service_tier: str = ""
    region: str = ""
