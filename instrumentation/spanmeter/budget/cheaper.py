"""A framework's model object that asks another model."""

# ruff: noqa: ANN401  objects of either framework

from __future__ import annotations

import logging
from typing import Any, Final

_NAMES: Final = ("model_name", "model", "model_id")
"""The fields that name a model, in this order."""
_FIXED: Final = ("deployment_name", "azure_deployment", "engine")
"""Fields that fix the model by the address requests go to."""
_log: Final = logging.getLogger("spanmeter.budget")
_told: Final[set[type]] = set()


def asking(instance: Any, model: str) -> Any:
    """A copy of a model object, with the same clients, that asks `model`; None where its class cannot."""
    kind = type(instance)
    fields = getattr(kind, "model_fields", {})
    name = next((name for name in _NAMES if name in fields), "")
    if not name or any(getattr(instance, fixed, None) for fixed in _FIXED if fixed in fields):
        if kind not in _told:
            _told.add(kind)
            _log.warning("a budget cannot have %s ask %s: the model of a %s is fixed", kind.__name__, model, kind)
        return None
    return instance.model_copy(update={name: model})
