"""One trace as a waterfall in HTML: a line for each step, its charges and attributes behind it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spanmeter_dashboard import figures, markup, palette
from spanmeter_dashboard.answers import Charge, Event, Step, Sums, Trace
from spanmeter_dashboard.conversation import conversation
from spanmeter_dashboard.tree import Branch, branches

_CACHE_RESULT = "spanmeter.cache.result"
_INDENT_REM = 0.95
_DEEPEST_INDENT = 9
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class _Axis:
    seconds: float

    def percent(self, seconds: float) -> float:
        return max(0.0, min(100.0, 100 * seconds / self.seconds))


def waterfall(trace: Trace) -> str:
    """The whole trace; every line opens to the step's charges, attributes and events."""
    ends = (step.offset_s + step.duration_s for step in trace.steps)
    axis = _Axis(max([trace.duration_s, *ends]) or 1e-9)
    lines = "".join(_line(branch, axis) for branch in branches(trace.steps))
    return f'<div class="sm-waterfall">{_header(axis)}{lines}</div>'


def _header(axis: _Axis) -> str:
    ticks = "".join(
        f'<span style="left:{quarter * 100:.0f}%">{figures.duration(axis.seconds * quarter) if quarter else "0"}</span>'
        for quarter in _QUARTERS
    )
    return (
        f'<div class="sm-axis"><span>Step</span><span class="sm-ticks">{ticks}</span>'
        '<span class="sm-amount">Tokens in → out</span><span class="sm-amount">Cost</span></div>'
    )


def _line(branch: Branch, axis: _Axis) -> str:
    return (
        f'<details class="sm-step"><summary>{_title(branch)}{_track(branch.step, axis)}'
        f'<span class="sm-amount">{_tokens(branch)}</span><span class="sm-amount">{_cost(branch)}</span></summary>'
        f'<div class="sm-detail">{_detail(branch.step)}</div></details>'
    )


def _title(branch: Branch) -> str:
    step = branch.step
    indent = min(branch.depth, _DEEPEST_INDENT) * _INDENT_REM
    subtitle = step.model if step.model and step.model not in step.name else step.framework
    small = f" <small>{markup.text(subtitle)}</small>" if subtitle else ""
    return (
        f'<span class="sm-title" style="--indent:{indent:.2f}rem"><span class="sm-caret"></span>'
        f"{markup.swatch(palette.of_operation(step.operation))}"
        f'<span class="sm-label" title="{markup.text(step.name)}">{markup.text(step.name)}{small}</span>'
        f"{_marks(step)}</span>"
    )


def _marks(step: Step) -> str:
    marks = (
        (step.status == "error", step.error_type or "error", "error"),
        (step.status == "cancelled", "cancelled", "warn"),
        (bool(step.sums.cache_hits) or step.attributes.get(_CACHE_RESULT) == "hit", "cache hit", ""),
        (step.wrapper, "counted below", "sm-beside"),
        (step.grade == "estimated", "estimated", "warn"),
        (step.grade == "unpriced", "unpriced", "warn"),
    )
    return "".join(markup.chip(words, kind) for shown, words, kind in marks if shown)


def _track(step: Step, axis: _Axis) -> str:
    left, width = axis.percent(step.offset_s), axis.percent(step.duration_s)
    colour = palette.of_operation(step.operation)
    first = ""
    if step.time_to_first_chunk_s is not None:
        at = axis.percent(step.offset_s + step.time_to_first_chunk_s)
        first = f'<span class="sm-first" style="left:{at:.2f}%" title="first chunk"></span>'
    return (
        f'<span class="sm-track"><span class="sm-bar {markup.text(step.status)}" '
        f'style="left:{left:.2f}%;width:{width:.2f}%;background:{colour}"></span>'
        f"{first}{_took(step, left, width)}</span>"
    )


def _took(step: Step, left: float, width: float) -> str:
    end = left + width
    if end <= 80:
        place, kind = f"left:{end:.2f}%", ""
    elif width > 30:
        place, kind = f"left:{min(end, 100):.2f}%", " left inside"
    else:
        place, kind = f"left:{left:.2f}%", " left"
    return f'<span class="sm-took{kind}" style="{place}">{figures.duration(step.duration_s)}</span>'


def _tokens(branch: Branch) -> str:
    if branch.step.sums.tokens:
        return _flow(branch.step.sums)
    return f'<span class="sm-below">Σ {_flow(branch.below)}</span>' if branch.below.tokens else ""


def _flow(sums: Sums) -> str:
    return f"{figures.tokens(sums.input_tokens)} → {figures.tokens(sums.output_tokens)}"


def _cost(branch: Branch) -> str:
    own = branch.step.sums
    if not own.empty and (own.calls or own.cost_usd):
        return "unpriced" if own.cost_usd is None else figures.money(own.cost_usd)
    return f'<span class="sm-below">Σ {figures.money(branch.below.cost_usd)}</span>' if branch.below.calls else ""


def _detail(step: Step) -> str:
    said = "" if step.content is None else conversation(step.content)
    return "".join((said, _facts(step), _charges(step.charges), _attributes(step.attributes), _events(step.events)))


def _facts(step: Step) -> str:
    facts = {
        "Operation": step.operation,
        "Framework": step.framework,
        "Provider": step.provider,
        "Model": step.model,
        "Started after": figures.duration(step.offset_s),
        "Took": figures.duration(step.duration_s),
        "First chunk after": figures.duration(step.time_to_first_chunk_s) if step.time_to_first_chunk_s else "",
        "Status": " ".join(filter(None, (step.status.replace("unset", ""), step.error_type))),
        "Span": step.span_id,
    }
    return f"<div><h4>Step</h4>{_pairs({name: value for name, value in facts.items() if value})}</div>"


def _charges(charges: Iterable[Charge]) -> str:
    rows = [_charge(charge) for charge in charges if charge.component != "call"]
    if not rows:
        return ""
    header = (
        markup.Cell("Charge"),
        markup.Cell("Quantity", number=True),
        markup.Cell("Price", number=True),
        markup.Cell("Amount", number=True),
    )
    return f"<div><h4>Charges</h4>{markup.table(header, rows, label='Charges')}</div>"


def _charge(charge: Charge) -> tuple[markup.Cell, ...]:
    name = markup.text(charge.component.replace("_", " "))
    source = f"{charge.grade}, {charge.price_version}" if charge.price_version else charge.grade
    return (
        markup.Cell(f'<span title="{markup.text(source)}">{name} <small>{markup.text(charge.grade)}</small></span>'),
        markup.Cell(figures.count(charge.quantity), number=True),
        markup.Cell(figures.unit_price(charge.usd_per_unit, charge.unit), number=True),
        markup.Cell(figures.money(charge.usd), number=True),
    )


def _attributes(attributes: Mapping[str, Any]) -> str:
    return f"<div><h4>Attributes</h4>{_pairs(attributes)}</div>" if attributes else ""


def _events(events: Iterable[Event]) -> str:
    blocks = "".join(f"<h4>{markup.text(event.name)}</h4>{_pairs(event.attributes)}" for event in events)
    return f"<div>{blocks}</div>" if blocks else ""


def _pairs(pairs: Mapping[str, Any]) -> str:
    lines = (f"<dt>{markup.text(name)}</dt><dd>{markup.text(_plain(value))}</dd>" for name, value in pairs.items())
    return f"<dl>{''.join(lines)}</dl>"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
