"""Small pieces of HTML; everything that comes from data is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal


@dataclass(frozen=True, slots=True)
class Cell:
    """One table cell of finished HTML; it shows only where the table has at least that much room."""

    html: str
    number: bool = False
    room: Literal["any", "half", "full"] = "any"

    def tagged(self, tag: str) -> str:
        """The cell as a `td` or `th`."""
        shown = {"sm-num": self.number, f"sm-{self.room}": self.room != "any"}
        names = " ".join(name for name, on in shown.items() if on)
        return f'<{tag} class="{names}">{self.html}</{tag}>' if names else f"<{tag}>{self.html}</{tag}>"


def text(value: str) -> str:
    """Data as HTML text."""
    return escape(value, quote=True)


def table(header: Sequence[Cell], rows: Iterable[Sequence[Cell]], *, label: str) -> str:
    """A table that drops columns where it has no room for them."""
    head = "".join(cell.tagged("th") for cell in header)
    body = "".join(f"<tr>{''.join(cell.tagged('td') for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="sm-box"><table class="sm-table" aria-label="{text(label)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def chip(value: str, kind: str = "") -> str:
    """A small label; kinds are `error` and `warn`."""
    return f'<span class="sm-chip {kind}">{text(value)}</span>'


def swatch(colour: str) -> str:
    """A square of a colour."""
    return f'<i class="sm-swatch" style="background:{colour}"></i>'


def meter(part: float, colour: str) -> str:
    """A horizontal bar that fills a share of its track."""
    width = max(0.0, min(1.0, part)) * 100
    return f'<span class="sm-meter"><span style="width:{width:.2f}%;background:{colour}"></span></span>'


def link(href: str, value: str) -> str:
    """A link that stays in this tab."""
    return f'<a href="{text(href)}">{text(value)}</a>'


def legend(entries: Iterable[tuple[str, str, str]]) -> str:
    """Colour, name and figure of each group of a chart, in as many lines as it takes."""
    items = "".join(
        f'<span class="sm-key">{swatch(colour)}<span>{text(name)}</span><b>{text(figure)}</b></span>'
        for name, colour, figure in entries
    )
    return f'<div class="sm-legend">{items}</div>'
