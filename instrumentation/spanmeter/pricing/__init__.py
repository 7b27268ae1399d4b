"""What a call consumed and what it cost; pure, offline, the same code in the application and in the sidecar.

Importing this package is cheap: the price list is read by `PriceBook.load`.
"""

from __future__ import annotations

from spanmeter.pricing.book import PriceBook
from spanmeter.pricing.cost import Amount, Component, Cost, Grade
from spanmeter.pricing.key import PriceKey
from spanmeter.pricing.metadata import read_usage_metadata
from spanmeter.pricing.price_file_error import PriceFileError
from spanmeter.pricing.reading import Part, read_parts, read_usage
from spanmeter.pricing.reported import read_region, read_reported_usd, read_service_tier
from spanmeter.pricing.usage import Usage

__all__ = [
    "Amount",
    "Component",
    "Cost",
    "Grade",
    "Part",
    "PriceBook",
    "PriceFileError",
    "PriceKey",
    "Usage",
    "read_parts",
    "read_region",
    "read_reported_usd",
    "read_service_tier",
    "read_usage",
    "read_usage_metadata",
]
