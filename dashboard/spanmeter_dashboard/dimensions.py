"""The dimensions that spend can be cut by, with the names people see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

DIMENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "model": "Model",
        "provider": "Provider",
        "operation": "Operation",
        "framework": "Framework",
        "component": "Token kind",
        "service": "Service",
        "feature": "Feature",
        "team": "Team",
        "tenant": "Tenant",
        "user": "User",
        "session": "Session",
        "grade": "Price grade",
    }
)
"""In the order they are offered; `tag.<key>` is a dimension too."""

FILTERS = ("model", "provider", "operation", "framework", "service", "feature", "team", "tenant", "user", "session")
TAG_PREFIX = "tag."


def title(dimension: str) -> str:
    """What a dimension is called on screen."""
    return DIMENSIONS.get(dimension, dimension)


def known(dimension: str) -> bool:
    """Whether the API has this dimension; any tag counts as one."""
    return dimension in DIMENSIONS or (len(dimension) > len(TAG_PREFIX) and dimension.startswith(TAG_PREFIX))


def value(text: str, dimension: str) -> str:
    """A value as shown; a call that lacks the dimension is `(no user)`, `(no model)` and so on."""
    return text or f"(no {title(dimension).lower()})"


def label(key: Sequence[str], dimensions: Sequence[str]) -> str:
    """A group of one or two dimensions in one line."""
    return " · ".join(value(text, dimension) for text, dimension in zip(key, dimensions, strict=True))
