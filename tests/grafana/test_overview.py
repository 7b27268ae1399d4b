"""The rules of Grafana's dashboard-linter that apply to a classic Prometheus dashboard, and the uid links rely on."""

from __future__ import annotations

from typing import Any

SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def test_links_to_the_dashboard_keep_working(dashboard: dict[str, Any]) -> None:
    assert (dashboard["uid"], dashboard["title"]) == ("spanmeter-overview", "Spanmeter: cost and latency")


def test_it_loads_from_a_file_without_an_import_dialog(dashboard: dict[str, Any]) -> None:
    assert {"__inputs", "__requires", "id"}.isdisjoint(dashboard)


def test_changes_go_through_the_code(dashboard: dict[str, Any]) -> None:
    assert dashboard["editable"] is False


def test_the_data_source_is_chosen_in_a_variable(variables: dict[str, dict[str, Any]]) -> None:
    chosen = variables["datasource"]

    assert (chosen["type"], chosen["query"], chosen["label"]) == ("datasource", "prometheus", "Data source")


def test_every_menu_offers_all_and_follows_the_time_range(variables: dict[str, dict[str, Any]]) -> None:
    menus = {name: menu for name, menu in variables.items() if menu["type"] == "query"}

    assert list(menus) == ["job", "instance", "service", "provider", "model", "requested_model"]
    for menu in menus.values():
        assert (menu["datasource"], menu["multi"], menu["includeAll"], menu["refresh"]) == (SOURCE, True, True, 2)
    assert {name: menu["allValue"] for name, menu in menus.items()} == {
        "job": ".+",
        "instance": ".+",
        "service": ".*",
        "provider": ".*",
        "model": ".*",
        "requested_model": ".*",
    }


def test_every_panel_asks_the_chosen_data_source(panels: list[dict[str, Any]]) -> None:
    for panel in panels:
        assert panel["datasource"] == SOURCE
        assert panel["targets"]
        assert [target["datasource"] for target in panel["targets"]] == [SOURCE] * len(panel["targets"])


def test_every_panel_has_a_title_of_its_own(panels: list[dict[str, Any]]) -> None:
    titles = [panel["title"] for panel in panels]

    assert all(titles)
    assert len(set(titles)) == len(titles) == 30


def test_every_description_names_a_metric_its_queries_use(panels: list[dict[str, Any]]) -> None:
    for panel in panels:
        named = {word.strip(".,:;") for word in panel["description"].split() if "_" in word}
        asked = " ".join(target["expr"] for target in panel["targets"])
        assert [metric for metric in named if metric.startswith(("spanmeter_", "gen_ai_")) and metric in asked], panel[
            "title"
        ]


EMPTY = {
    "No priced calls": ("Spend in", "Spend per", "Top"),
    "No budgets": ("Share of budgets", "Budgets now", "Calls that budgets"),
    "No caches": ("Cache requests", "Hit share", "Saved per hour"),
    "None": ("Refused requests", "Calls that never arrived"),
}


def test_every_panel_has_a_unit_and_says_why_there_is_no_value(panels: list[dict[str, Any]]) -> None:
    for panel in panels:
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"] in {"currencyUSD", "percentunit", "s", "short", "cps", "count:tok/s"}
        empty = next((words for words, titles in EMPTY.items() if panel["title"].startswith(titles)), "No traffic")
        assert defaults["noValue"] == empty
        assert defaults["mappings"][0]["options"]["result"]["text"] == empty


def test_every_line_has_a_name(panels: list[dict[str, Any]]) -> None:
    for panel in panels:
        names = [target["legendFormat"] for target in panel["targets"]]
        assert all(names)
        assert len(set(names)) == len(names)


def test_panels_fill_the_grid_without_overlap(dashboard: dict[str, Any]) -> None:
    cells = [
        (x, y)
        for panel in dashboard["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(set(cells)) == len(cells)
    assert len(cells) == 24 * (1 + max(y for _, y in cells))
