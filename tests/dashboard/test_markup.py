from __future__ import annotations

import pytest

from spanmeter_dashboard import markup
from spanmeter_dashboard.markup import Cell

EVIL = "<img src=x onerror=\"alert('1')\">"
SAFE = "&lt;img src=x onerror=&quot;alert(&#x27;1&#x27;)&quot;&gt;"


def test_a_table_marks_numbers_and_what_needs_room() -> None:
    html = markup.table(
        [Cell("Model"), Cell("Spend", number=True, room="half")], [[Cell("a"), Cell("$1", number=True)]], label="Spend"
    )
    assert html == (
        '<div class="sm-box"><table class="sm-table" aria-label="Spend">'
        '<thead><tr><th>Model</th><th class="sm-num sm-half">Spend</th></tr></thead>'
        '<tbody><tr><td>a</td><td class="sm-num">$1</td></tr></tbody></table></div>'
    )


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        pytest.param(markup.text(EVIL), SAFE, id="text"),
        pytest.param(markup.chip(EVIL), f'<span class="sm-chip ">{SAFE}</span>', id="chip"),
        pytest.param(markup.link("t?a=1&b=2", EVIL), f'<a href="t?a=1&amp;b=2">{SAFE}</a>', id="link"),
        pytest.param(
            markup.legend([(EVIL, "#fff", EVIL)]),
            '<div class="sm-legend"><span class="sm-key"><i class="sm-swatch" style="background:#fff"></i>'
            f"<span>{SAFE}</span><b>{SAFE}</b></span></div>",
            id="legend",
        ),
    ],
)
def test_data_never_becomes_markup(html: str, expected: str) -> None:
    assert html == expected


@pytest.mark.parametrize(("part", "width"), [(0.5, "50.00"), (-1, "0.00"), (7, "100.00")])
def test_a_meter_stays_inside_its_track(part: float, width: str) -> None:
    assert markup.meter(part, "#000") == (
        f'<span class="sm-meter"><span style="width:{width}%;background:#000"></span></span>'
    )
