from __future__ import annotations

import pytest

from spanmeter_rag.screen import progress, result, table


def test_numbers_stand_to_the_right() -> None:
    assert table(("model", "calls"), [("gpt-4o", "1,234"), ("o", "5")]) == (
        "  model   calls\n  gpt-4o  1,234\n  o           5"
    )


def test_progress_leaves_the_result_alone(capsys: pytest.CaptureFixture[str]) -> None:
    progress("working")
    result("done")
    assert capsys.readouterr() == ("done\n", "working\n")
