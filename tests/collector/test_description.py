from __future__ import annotations

from spanmeter_collector import cost, traces
from spanmeter_collector.description import describe
from spanmeter_collector.selection import CHARGES, Options


def names(options: Options) -> list[str]:
    return [parameter["name"] for parameter in describe(options)["parameters"]]


def test_every_parameter_of_a_question_is_named() -> None:
    assert names(cost.OPTIONS) == ["since", "until", "group_by", "limit", *CHARGES.names, "tag.{key}"]
    assert names(traces.OPTIONS)[-3:] == ["tag.{key}", "attribute.{key}", "resource.{key}"]


def test_a_parameter_tells_its_default_and_what_is_allowed() -> None:
    order = next(one for one in describe(traces.OPTIONS)["parameters"] if one["name"] == "order")
    assert order == {
        "name": "order",
        "in": "query",
        "description": f"What comes first: {', '.join(traces.ORDERS)}. Default: {traces.OPTIONS.defaults['order']}.",
        "schema": {"type": "string", "enum": [*traces.ORDERS]},
    }
