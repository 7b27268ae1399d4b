"""The three kinds of panel on the dashboard, alike in everything but title, queries and unit."""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as dashboard_builders
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
NO_TRAFFIC = "No traffic"
NO_PRICED_CALLS = "No priced calls"
NO_BUDGETS = "No budgets"
NO_CACHES = "No caches"
NONE = "None"
DOLLARS = "currencyUSD"
SHARE = "percentunit"
SECONDS = "s"
COUNT = "short"
RATE = "cps"
TOKENS = "count:tok/s"


@dataclass(frozen=True, slots=True)
class Query:
    """One expression and how its series are called."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """What every panel says about itself.

    `description` names the metric and what to do about a bad value; `empty` stands where there is no value.
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    empty: str = NO_TRAFFIC


@dataclass(frozen=True, slots=True)
class Figure:
    """One number: for the whole time range, or with `trend` the latest value above its history."""

    panel: Panel
    thresholds: tuple[tuple[float | None, str], ...] = ((None, "text"),)
    trend: bool = False

    def drawn(self) -> stat.Panel:
        """The figure as Grafana has it."""
        panel = self.panel
        return (
            stat.Panel()
            .title(panel.title)
            .description(panel.description)
            .datasource(DATASOURCE)
            .unit(panel.unit)
            .span(4)
            .height(4)
            .no_value(panel.empty)
            .mappings([_without_value(panel.empty)])
            .graph_mode(common.BigValueGraphMode.AREA if self.trend else common.BigValueGraphMode.NONE)
            .color_mode(common.BigValueColorMode.VALUE)
            .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
            .thresholds(_thresholds(self.thresholds))
            .targets([_target(query, ref, instant=not self.trend) for ref, query in _lettered(panel.queries)])
        )


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over time; `stacked` for parts of one sum, `width` of 24 columns."""

    panel: Panel
    width: int = 8
    stacked: bool = False

    def drawn(self) -> timeseries.Panel:
        """The chart as Grafana has it."""
        panel = self.panel
        built = (
            timeseries.Panel()
            .title(panel.title)
            .description(panel.description)
            .datasource(DATASOURCE)
            .unit(panel.unit)
            .span(self.width)
            .height(8)
            .min(0)
            .no_value(panel.empty)
            .mappings([_without_value(panel.empty)])
            .fill_opacity(25 if self.stacked else 8)
            .show_points(common.VisibilityMode.AUTO)
            .legend(_legend())
            .tooltip(_tooltip())
            .targets([_target(query, ref) for ref, query in _lettered(panel.queries)])
        )
        if self.stacked:
            built.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
        return built


@dataclass(frozen=True, slots=True)
class Ranking:
    """One row for each value of the label `key`, one column for each query, the first column's largest on top."""

    panel: Panel
    key: str
    units: tuple[str, ...]
    width: int = 8

    def drawn(self) -> table.Panel:
        """The table as Grafana has it."""
        panel = self.panel
        columns = [f"Value #{ref}" for ref, _ in _lettered(panel.queries)]
        names = dict(zip(columns, (query.legend for query in panel.queries), strict=True))
        built = (
            table.Panel()
            .title(panel.title)
            .description(panel.description)
            .datasource(DATASOURCE)
            .unit(panel.unit)
            .span(self.width)
            .height(8)
            .no_value(panel.empty)
            .mappings([_without_value(panel.empty)])
            .transformations(_joined(self.key, names))
            .sort_by([common_builders.TableSortByFieldState().display_name(panel.queries[0].legend).desc(desc=True)])
            .targets([_target(query, ref, instant=True, columns=True) for ref, query in _lettered(panel.queries)])
        )
        for query, unit in zip(panel.queries, self.units, strict=True):
            built.override_by_name(query.legend, [dashboard.DynamicConfigValue(id_val="unit", value=unit)])
        return built


def _lettered(queries: tuple[Query, ...]) -> list[tuple[str, Query]]:
    return list(zip("ABCDEFGH", queries, strict=False))


def _target(query: Query, ref: str, *, instant: bool = False, columns: bool = False) -> prometheus.Dataquery:
    target = prometheus.Dataquery().ref_id(ref).datasource(DATASOURCE).expr(query.expr).legend_format(query.legend)
    target.format(PromQueryFormat.TABLE if columns else PromQueryFormat.TIME_SERIES)
    return target.instant() if instant else target.range()


def _without_value(text: str) -> dashboard.SpecialValueMap:
    said = dashboard.ValueMappingResult(text=text, color="text")
    return dashboard.SpecialValueMap(
        options=dashboard.DashboardSpecialValueMapOptions(match=dashboard.SpecialValueMatch.NULL_AND_NAN, result=said)
    )


def _thresholds(steps: tuple[tuple[float | None, str], ...]) -> dashboard_builders.ThresholdsConfig:
    built = [dashboard.Threshold(value=value, color=color) for value, color in steps]
    return dashboard_builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(built)


def _legend() -> common_builders.VizLegendOptions:
    return (
        common_builders.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.TABLE)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(show_legend=True)
        .calcs(["mean", "max", "lastNotNull"])
        .sort_by("Mean")
        .sort_desc(sort_desc=True)
    )


def _tooltip() -> common_builders.VizTooltipOptions:
    return common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)


def _joined(key: str, names: dict[str, str]) -> list[dashboard.DataTransformerConfig]:
    order = {key: 0} | {column: place for place, column in enumerate(names, start=1)}
    renamed = {key: key.capitalize()} | names
    return [
        dashboard.DataTransformerConfig(id_val="merge", options={}),
        dashboard.DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": {"Time": True}, "indexByName": order, "renameByName": renamed},
        ),
    ]
