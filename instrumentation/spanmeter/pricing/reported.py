"""What the provider itself says a call cost, and on which terms it served it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from spanmeter.pricing.money import MONEY

# What OpenRouter calls the halves of an upstream bill: of a chat, of a response.
_HALVES: Final = (("prompt", "input"), ("completions", "output"))
_TICK: Final = Decimal("1e-10")
_STANDARD: Final = frozenset({"default", "on_demand", "standard", "standard_only"})
_TIER_KEYS: Final = ("service_tier", "serviceTier", "processing", "trafficType", "traffic_type")
_REGION_KEYS: Final = ("inference_geo", "data_residency", "region", "location", "deployment_type")
_REGIONS: Final = frozenset(_REGION_KEYS)
_COST_KEYS: Final = frozenset({"cost", "cost_in_usd_ticks"})
_TERMS: Final = frozenset({"batch", "speed", *_TIER_KEYS})
_ANYWHERE: Final = ("global", "not_available")
_UNDECIDED: Final = frozenset({"", "auto"})


def read_reported_usd(payload: Mapping[str, Any], *, provider: str = "") -> Decimal | None:
    """The cost in a raw usage object: OpenRouter's `cost`, xAI's ticks, Perplexity's `cost.total_cost`; else None.

    A `cost` without OpenRouter's other fields counts only if `provider` says that it is OpenRouter's.
    With a key of one's own at OpenRouter (`is_byok`, or nothing is charged for what had a price) `cost` is OpenRouter's
    fee, and the upstream provider's bill comes on top (https://openrouter.ai/docs/use-cases/usage-accounting).
    """
    if _COST_KEYS.isdisjoint(payload):
        return None
    ticks = _amount(payload.get("cost_in_usd_ticks"))
    if ticks is not None:
        return MONEY.multiply(ticks, _TICK)
    cost = payload.get("cost")
    if isinstance(cost, Mapping):
        return _amount(cost.get("total_cost"))
    if provider != "openrouter" and not {"cost_details", "is_byok"} & payload.keys():
        return None
    fee = _amount(cost)
    upstream = _upstream(payload.get("cost_details"))
    if not payload.get("is_byok", fee == 0 and bool(upstream)):
        return fee
    return None if fee is None or upstream is None else MONEY.add(fee, upstream)


def _upstream(details: object) -> Decimal | None:
    if not isinstance(details, Mapping):
        return None
    whole = _amount(details.get("upstream_inference_cost"))
    if whole is not None:
        return whole
    halves = [_first_amount(details, half) for half in _HALVES]
    return None if halves[0] is None or halves[1] is None else MONEY.add(halves[0], halves[1])


def _first_amount(details: Mapping[str, Any], names: tuple[str, ...]) -> Decimal | None:
    amounts = (_amount(details.get(f"upstream_inference_{name}_cost")) for name in names)
    return next((amount for amount in amounts if amount is not None), None)


def _amount(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return amount if amount.is_finite() and 0 <= amount < 10**12 else None


def read_service_tier(*sources: Mapping[str, Any]) -> str:
    """The service tier that selects a price: `batch`, `flex`, `priority`, `fast`; "" is the standard one.

    The first source that names a tier counts, so give what the response says before what the request asked for.
    A batch and Anthropic's fast mode stand beside a tier that says `standard`, so they are looked for first.
    """
    if all(map(_TERMS.isdisjoint, sources)):
        return ""
    for source in sources:
        if source.get("batch") is True or source.get("processing") == "batch":
            return "batch"
    speed = next((source["speed"] for source in sources if source.get("speed") is not None), "")
    return "fast" if speed == "fast" else _tier(sources)


def _tier(sources: Iterable[Mapping[str, Any]]) -> str:
    for source in sources:
        said = [source.get(key) for key in _TIER_KEYS]
        words = (each.get("type") if isinstance(each, Mapping) else each for each in said)  # Bedrock wraps its word
        names = {tier.lower().removeprefix("on_demand_") for tier in words if isinstance(tier, str)}
        tiers = names - _UNDECIDED
        if tiers:
            return min(tiers - _STANDARD, default="")
    return ""


def read_region(*sources: Mapping[str, Any]) -> str:
    """Where the request had to be served when that has its own price (`us`, `eu`, `data_zone`), else ""."""
    for source in sources:
        if _REGIONS.isdisjoint(source):
            continue
        for key in _REGION_KEYS:
            said = source.get(key)
            if isinstance(said, str) and said and not said.lower().startswith(_ANYWHERE):
                return said.lower()
    return ""
