"""How the OpenAPI document describes a question: its parameters, and how it may be refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spanmeter_collector import export, traces
from spanmeter_collector.answers import Refusal
from spanmeter_collector.selection import TAG, Dimensions, Options
from spanmeter_collector.times import ALLOWED

REFUSALS: Final[dict[int | str, dict[str, Any]]] = {code: {"model": Refusal} for code in (400, 401, 503)}
"""The answers to a question that is not answered, by status."""
_DESCRIPTIONS: Final = {
    "since": f"Start of the period: {ALLOWED}.",
    "until": f"End of the period, now unless given: {ALLOWED}.",
    "group_by": "Dimensions, separated by commas.",
    "limit": "The most rows to answer with.",
    "offset": "How many to leave out before the first.",
    "settle": "How long a counter has to have been here before it is compared, such as 30s; up to 24h.",
    "order": f"What comes first: {', '.join(traces.ORDERS)}.",
    "errors": "true: only traces with a failed span.",
    "format": f"How it is written: {', '.join(export.FORMATS)}.",
    "dry_run": "true: say what would change and write nothing.",
}
_KEYED: Final = {
    TAG: "Only with this tag; put the tag's key in place of {key}.",
    "attribute.": "Only with this attribute as its sender wrote it; put the attribute's key in place of {key}.",
    "resource.": "Only with this attribute of the resource; put the attribute's key in place of {key}.",
}
_TIME: Final = {"type": "string", "anyOf": [{"pattern": "^[0-9]{1,9}[smhdw]$"}, {"format": "date-time"}]}
_SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    "since": _TIME,
    "until": _TIME,
    "limit": {"type": "integer", "minimum": 1},
    "offset": {"type": "integer", "minimum": 0},
    "order": {"type": "string", "enum": [*traces.ORDERS]},
    "errors": {"type": "string", "enum": ["true", "false"]},
    "format": {"type": "string", "enum": [*export.FORMATS]},
    "dry_run": {"type": "string", "enum": ["true", "false"]},
}
"""What a parameter looks like, where it is more than text."""


def describe(options: Options) -> dict[str, Any]:
    """What the document says of the parameters of a question with these options."""
    texts = {name: f"{_DESCRIPTIONS[name]} Default: {default or 'none'}." for name, default in options.defaults.items()}
    texts |= dict.fromkeys(options.dimensions.names, "Only these; give it again for any of several.")
    texts |= {f"{prefix}{{key}}": _KEYED[prefix] for prefix in options.dimensions.keyed}
    closed = {name: {"type": "string", "enum": ["", *values]} for name, values in options.dimensions.values.items()}
    schemas = {"group_by": _lists(options.dimensions), **_SCHEMAS, **closed}
    return {
        "parameters": [
            {"name": name, "in": "query", "description": text, "schema": schemas.get(name, {"type": "string"})}
            for name, text in texts.items()
        ]
    }


def _lists(dimensions: Dimensions) -> Mapping[str, Any]:
    keyed = (f"{prefix.replace('.', '[.]')}[^,]+" for prefix in dimensions.keyed)
    name = "|".join((*dimensions.names, *keyed))
    return {"type": "string", "pattern": f"^({name})(,({name}))*$"}
