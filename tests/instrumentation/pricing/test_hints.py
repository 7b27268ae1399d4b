from __future__ import annotations

from typing import Any

import pytest

from spanmeter.pricing.hints import canonical, other_models

HINTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "other-word": ({"tier": "flex"}, {"tier": "flex", "service_tier": "flex"}),
    "own-word-goes-before": (
        {"tier": "flex", "service_tier": "priority"},
        {"tier": "flex", "service_tier": "priority"},
    ),
    "flag": ({"is_batch": True}, {"batch": True}),
    "flag-as-text": ({"batch": "true"}, {"batch": True}),
    "flag-as-number": ({"batch": 1}, {"batch": True}),
    "flag-not-set": ({"is_batch": False}, {"is_batch": False}),
    "id-of-a-batch": ({"batch_id": "batch_67"}, {"batch": True}),
    "mode": ({"mode": "Batch"}, {"mode": "Batch", "batch": True}),
    "fast-mode": ({"fast_mode": True}, {"speed": "fast"}),
    "region-by-name": ({"data_residency": "eu"}, {"data_residency": "eu"}),
    "region-somewhere": ({"data_residency": True}, {"data_residency": "regional"}),
    "endpoint": ({"endpoint": "regional"}, {"endpoint": "regional", "deployment_type": "regional"}),
    "searches": ({"web_searches": 2}, {"web_searches": 2, "web_search_calls": 2}),
    "grounded": ({"grounded": True}, {"web_search_calls": 1}),
    "nothing": ({"temperature": 0.5, "mode": None}, {"temperature": 0.5, "mode": None}),
}


@pytest.mark.parametrize(("said", "expected"), HINTS.values(), ids=HINTS)
def test_hints_in_other_words_mean_the_same(said: dict[str, Any], expected: dict[str, Any]) -> None:
    assert canonical(said) == expected


def test_the_model_behind_a_deployment_goes_before_the_one_that_was_asked_for() -> None:
    asked, said = {"requested_model": "auto", "base_model": "gpt-4o"}, {"model": "gpt-4o-2024-08-06", "model_id": 7}
    assert other_models(asked, said) == ["gpt-4o", "gpt-4o-2024-08-06", "auto"]
