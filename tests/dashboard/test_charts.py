from __future__ import annotations

import subprocess
import sys

import pytest

from spanmeter_dashboard.charts import MEASURES


@pytest.mark.parametrize(
    ("measure", "highest", "label"),
    [
        ("Spend", 0.0004, "datum.value ? '$' + format(datum.value, ',.5f') : '$0'"),
        ("Spend", 0.17, "datum.value ? '$' + format(datum.value, ',.2f') : '$0'"),
        ("Spend", 5.0, "datum.value ? '$' + format(datum.value, ',.2f') : '$0'"),
        ("Spend", 2000.0, "datum.value ? '$' + format(datum.value, ',.0f') : '$0'"),
        ("Spend", 0.0, "datum.value ? '$' + format(datum.value, ',.0f') : '$0'"),
        ("Tokens", 5.0, "format(datum.value, '~s')"),
        ("Calls", 5.0, "datum.value % 1 ? '' : format(datum.value, ',d')"),
    ],
)
def test_axis_labels_have_the_decimals_their_steps_need(measure: str, highest: float, label: str) -> None:
    assert MEASURES[measure].axis(highest) == label


def test_no_page_waits_for_altair_before_its_first_figures() -> None:
    code = "import sys; from spanmeter_dashboard.views import cost, overview; print('altair' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
