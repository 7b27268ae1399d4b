"""What people and gateways say beside a response that selects its price, in the words of the providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

# Other words for a key. What they hold is taken over as it is.
_WORDS: Final = {
    "tier": "service_tier",
    "service-tier": "service_tier",
    "processing_tier": "service_tier",
    "pricing_tier": "service_tier",
    "geo": "inference_geo",
    "inference_region": "inference_geo",
    "residency": "data_residency",
    "endpoint_type": "deployment_type",
    "byok": "is_byok",
    "search_context": "search_context_size",
    "web_searches": "web_search_calls",
    "web_search_requests": "web_search_calls",
    "web_search_call_count": "web_search_calls",
    "web_search_count": "web_search_calls",
    "num_web_searches": "web_search_calls",
    "num_searches": "web_search_calls",
    "searches": "web_search_calls",
    "file_searches": "file_search_calls",
    "grounding_queries": "web_search_calls",
    "web_search_queries": "web_search_calls",
    "webSearchQueries": "web_search_calls",
    "grounded_prompts": "web_search_calls",
}
# Keys that say yes or no, and what a yes means.
_FLAGS: Final[Mapping[str, tuple[str, object]]] = {
    "batch": ("batch", True),
    "is_batch": ("batch", True),
    "batch_api": ("batch", True),
    "batch_mode": ("batch", True),
    "batch_id": ("batch", True),
    "fast": ("speed", "fast"),
    "fast_mode": ("speed", "fast"),
    "data_residency": ("data_residency", "regional"),
    "regional_processing": ("data_residency", "regional"),
    "grounded": ("web_search_calls", 1),
    "grounding": ("web_search_calls", 1),
}
# Keys under which a word may stand that means something wherever it stands.
_MODES: Final = ("mode", "api", "endpoint", "via", "processing_mode", "processing")
_MEANINGS: Final[Mapping[str, tuple[str, object]]] = {
    "batch": ("batch", True),
    "flex": ("service_tier", "flex"),
    "priority": ("service_tier", "priority"),
    "fast": ("speed", "fast"),
    "regional": ("deployment_type", "regional"),
}
_MODELS: Final = ("base_model", "deployment_model", "underlying_model", "model_id", "model", "requested_model")


def canonical(said: Mapping[str, Any]) -> dict[str, Any]:
    """The same hints with the keys of the providers beside those that were used; a provider's own key goes before."""
    told: dict[str, Any] = {}
    for key, value in said.items():
        if key in _WORDS:
            told[_WORDS[key]] = value
        if key in _FLAGS and _yes(value):
            meant, holds = _FLAGS[key]
            told[meant] = holds
        if key in _MODES and isinstance(value, str) and value.lower() in _MEANINGS:
            meant, holds = _MEANINGS[value.lower()]
            told[meant] = holds
    kept = {key: value for key, value in said.items() if key not in _FLAGS or not _yes(value)}
    return {**told, **kept}


def other_models(*sources: Mapping[str, Any]) -> list[str]:
    """The models that hints name, such as the one behind a deployment, the likeliest first."""
    named = (source.get(key) for key in _MODELS for source in sources)
    return [model for model in named if isinstance(model, str) and model]


def _yes(value: object) -> bool:
    """Whether a flag is set; a word such as `eu`, or an object, is no flag but says more."""
    if isinstance(value, str):
        return value.lower() in ("true", "yes", "1") or value.startswith("batch_")
    return isinstance(value, bool | int) and bool(value)
