"""Short tables in HTML: who and what spent most, how fast models answer, which traces there were."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal

from spanmeter_dashboard import dimensions, figures, markup, palette
from spanmeter_dashboard.answers import CostRow, Latency, Sums, TraceSummary, Unpriced
from spanmeter_dashboard.markup import Cell

Address = Callable[[str], str]
"""From a trace id to the address of its page."""
_MOST_FAILING = 4


def spenders(rows: Sequence[CostRow], total: Sums, *, dimension: str, colours: Mapping[str, str]) -> str:
    """Groups of one dimension with spend, share of the total, calls and tokens."""
    title = dimensions.title(dimension)
    header = (
        Cell(title),
        Cell("Share", room="half"),
        Cell("Calls", number=True, room="half"),
        Cell("Tokens", number=True),
        Cell("Spend", number=True),
    )
    lines = (_spender(row, total, dimension, colours.get(row.key[0], palette.NEUTRAL)) for row in rows)
    return markup.table(header, lines, label=f"Spend by {title.lower()}")


def failing(rows: Sequence[CostRow], *, address: str) -> str:
    """The models whose attempts failed most, and where traces with errors are; "" where none failed."""
    failed = sorted((row for row in rows if row.sums.failed_calls), key=lambda row: -row.sums.failed_calls)
    if not failed:
        return ""
    named = ", ".join(
        f"{markup.text(dimensions.value(row.key[0], 'model'))} <b>{figures.count(row.sums.failed_calls)}</b>"
        for row in failed[:_MOST_FAILING]
    )
    others = " and others" if failed[_MOST_FAILING:] else ""
    link = markup.link(address, "traces with errors")
    return f'<div class="sm-box"><span class="sm-failing">Failed attempts: {named}{others} · {link}</span></div>'


def unpriced(models: Sequence[Unpriced]) -> str:
    """Models without a known price, with what they were used for."""
    header = (
        Cell("Model"),
        Cell("Provider", room="half"),
        Cell("Calls", number=True),
        Cell("Input tokens", number=True),
        Cell("Output tokens", number=True),
    )
    lines = (
        (
            Cell(f'<span class="sm-name"><span>{markup.text(row.model or figures.UNKNOWN)}</span></span>'),
            Cell(markup.text(row.provider or figures.UNKNOWN), room="half"),
            Cell(figures.count(row.calls), number=True),
            Cell(figures.tokens(row.input_tokens), number=True),
            Cell(figures.tokens(row.output_tokens), number=True),
        )
        for row in models
    )
    return markup.table(header, lines, label="Models without a known price")


def _spender(row: CostRow, total: Sums, dimension: str, colour: str) -> tuple[Cell, ...]:
    name = dimensions.value(row.key[0], dimension)
    part = float((row.sums.cost_usd or Decimal(0)) / total.cost_usd) if total.cost_usd else 0.0
    return (
        Cell(f'<span class="sm-name">{markup.swatch(colour)}<span>{markup.text(name)}</span></span>'),
        Cell(markup.meter(part, colour), room="half"),
        Cell(figures.count(row.sums.calls), number=True, room="half"),
        Cell(figures.tokens(row.sums.tokens), number=True),
        Cell(spend(row.sums), number=True),
    )


def speeds(rows: Sequence[Latency], *, colours: Mapping[str, str]) -> str:
    """Models with the usual and the slow duration of a call, the wait for the first chunk, and the output rate."""
    header = (
        Cell("Model"),
        Cell("Calls", number=True, room="half"),
        Cell("First chunk p50", number=True, room="half"),
        Cell("Output", number=True, room="half"),
        Cell("p50", number=True),
        Cell("p95", number=True),
    )
    return markup.table(header, (_speed(row, colours) for row in rows), label="Latency by model")


def _speed(row: Latency, colours: Mapping[str, str]) -> tuple[Cell, ...]:
    name = dimensions.value(row.key[0], "model")
    swatch = markup.swatch(colours.get(row.key[0], palette.NEUTRAL))
    rate = figures.UNKNOWN if not row.output_tokens_per_s else f"{row.output_tokens_per_s:,.0f} tok/s"
    return (
        Cell(f'<span class="sm-name">{swatch}<span>{markup.text(name)}</span></span>'),
        Cell(figures.count(row.count), number=True, room="half"),
        Cell(figures.duration(row.time_to_first_chunk_p50_s), number=True, room="half"),
        Cell(rate, number=True, room="half"),
        Cell(figures.duration(row.p50_s), number=True),
        Cell(figures.duration(row.p95_s), number=True),
    )


def traces(rows: Sequence[TraceSummary], *, address: Address, zone: tzinfo, compact: bool = False) -> str:
    """Traces, each linking to its page; a compact table has only what fits half a page."""
    header = [
        Cell("Trace"),
        Cell("Started", room="half"),
        *([] if compact else [Cell("User", room="full"), Cell("Steps", number=True, room="full")]),
        Cell("Calls", number=True, room="half"),
        Cell("Tokens", number=True, room="half"),
        Cell("Duration", number=True),
        Cell("Cost", number=True),
    ]
    slowest = max((row.duration_s for row in rows), default=0.0)
    lines = (_trace(row, slowest, address, zone, compact) for row in rows)
    return markup.table(header, lines, label="Traces")


def _trace(row: TraceSummary, slowest: float, address: Address, zone: tzinfo, compact: bool) -> list[Cell]:  # noqa: FBT001
    who = " · ".join(filter(None, (row.user, row.tenant))) or figures.UNKNOWN
    full = [Cell(markup.text(who), room="full"), Cell(figures.count(row.spans), number=True, room="full")]
    meter = "" if compact else markup.meter(row.duration_s / slowest if slowest else 0, palette.NEUTRAL) + " "
    return [
        Cell(f'<div class="sm-cell">{_heading(row, address)}</div>'),
        Cell(f'<span style="white-space:nowrap">{clock(row.start, zone)}</span>', room="half"),
        *([] if compact else full),
        Cell(figures.count(row.sums.calls), number=True, room="half"),
        Cell(figures.tokens(row.sums.tokens), number=True, room="half"),
        Cell(f'<span class="sm-took-cell">{meter}<span>{figures.duration(row.duration_s)}</span></span>', number=True),
        Cell(spend(row.sums), number=True),
    ]


def _heading(row: TraceSummary, address: Address) -> str:
    errors = markup.chip(_plural(row.errors, "error"), "error") if row.errors else ""
    facts = (", ".join(row.frameworks), ", ".join(row.models))
    below = "".join(f"<span>{markup.text(fact)}</span>" for fact in facts if fact)
    title = markup.link(address(row.trace_id), row.name or row.trace_id)
    return f'{title} {errors}<div class="sm-sub">{below}</div>'


def spend(sums: Sums) -> str:
    """An amount with a mark when calls in it are unpriced."""
    if sums.cost_usd is None:
        return markup.chip("unpriced", "warn")
    if sums.unpriced_calls:
        share = figures.share(sums.priced_share)
        return f'<span title="{share} of the calls are priced">{figures.money(sums.cost_usd)}+</span>'
    return figures.money(sums.cost_usd)


def clock(time: datetime, zone: tzinfo) -> str:
    """A point in time as the reader's clock shows it: `22 Nov, 14:05:09`."""
    local = time.astimezone(zone)
    return f"{local.day} {local:%b, %H:%M:%S}"


def _plural(number: int, noun: str) -> str:
    return f"{figures.count(number)} {noun}" + ("" if number == 1 else "s")
