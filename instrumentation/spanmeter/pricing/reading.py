"""Usage as a provider reported it, read into disjoint buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanmeter.pricing.counts import Reading
from spanmeter.pricing.dialect import dialect
from spanmeter.pricing.names import provider_id
from spanmeter.pricing.usage import Usage


def read_usage(payload: Mapping[str, Any], *, provider: str, api: str = "") -> Usage:
    """The disjoint buckets of a provider's raw usage object. Never raises; what contradicts itself is clamped."""
    return read(payload, provider=provider, api=api).usage


def read(payload: Mapping[str, Any], *, provider: str, api: str = "") -> Reading:
    """As `read_usage`, with a note for each contradiction."""
    spoken = dialect(payload, provider=provider_id(provider), api=api)
    return spoken.counts(payload).read()
