"""The query shapes of the dashboard; Grafana's variables stay in the text for Grafana to fill."""

from __future__ import annotations

SIDECAR = 'job=~"$job", instance=~"$instance"'
"""Selects the sidecars chosen in the dashboard's variables."""

LEDGER = f'{SIDECAR}, service=~"$service", provider=~"$provider", model=~"$model"'
"""Selects what the ledger counted: `model` is the model that answered."""

CLIENT = (
    f'{SIDECAR}, service!="", service=~"$service", '
    'gen_ai_provider_name=~"$provider", gen_ai_request_model=~"$requested_model"'
)
"""Selects the sidecar's histograms of the convention, which carry the model that was asked for.

An application may expose histograms of the same name itself; those have no `service` and would count twice.
"""

UP = f"up{{{SIDECAR}}}"


def select(metric: str, *matchers: str, scope: str = LEDGER) -> str:
    """`metric` within `scope` and the further `matchers`."""
    return f"{metric}{{{', '.join((scope, *matchers))}}}"


def rate(selector: str, *by: str) -> str:
    """The counter's growth a second, summed by the labels `by`."""
    return f"sum by ({', '.join(by)}) (rate({selector}[$__rate_interval]))"


def in_range(selector: str, *by: str) -> str:
    """What the ledger added in the dashboard's time range: exact, not extrapolated.

    `increase` drops the value a series is born with, which is most of the money when calls are few. Ledger counters
    never reset, so this takes the difference from the sum at the start of the range; where Prometheus has none, from
    the lowest in the range, and a sidecar that was scraped before the series existed then counts as zero.
    """
    kept = ", ".join(("job", "instance", *by))
    now = f"sum by ({kept}) (last_over_time({selector}[$__range]))"
    series = f"sum by ({kept}) (last_over_time({selector}[$__range] @ end()))"
    unborn = f"0 * {series} and on (job, instance) {UP} == 1"
    lowest = f"min_over_time((sum by ({kept}) ({selector}) or {unborn})[$__range:$__interval])"
    before = f"(sum by ({kept}) ({selector} offset $__range) or {lowest})"
    return f"sum by ({', '.join(by)}) ({now} - {before})"


def or_zero(query: str, *, where: str) -> str:
    """`query`, and zero for every label set of `where` that it lacks."""
    return f"({query} or 0 * {where})"


def share(part: str, whole: str) -> str:
    """`part` / `whole` between 0 and 1; no value where there was nothing to divide."""
    return f"{or_zero(part, where=whole)} / ({whole} > 0)"


def quantile(q: float, histogram: str, *by: str, window: str = "$__rate_interval") -> str:
    """The `q` quantile of a classic histogram's selector, in the histogram's unit."""
    return f"histogram_quantile({q}, sum by ({', '.join(('le', *by))}) (rate({histogram}[{window}])))"
