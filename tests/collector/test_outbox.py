"""The outbox keeps each message once, for its owner alone, and no longer than a day."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from spanmeter_collector.outbox import KEPT_S, Message, Outbox

URL = "https://hooks.example/secret"


def message(threshold: str, budget: str = "b") -> Message:
    return Message(budget, URL, {"period_start": "2026-11-22T00:00:00Z", "threshold": threshold})


def test_what_is_kept_waits_until_it_is_dropped(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "webhooks")
    for kept in (message("0.5"), message("0.8"), message("0.5"), message("0.5", "other")):
        outbox.keep(kept)
    outbox.drop(message("0.8"))
    outbox.drop(message("1"))
    waiting = [*Outbox(tmp_path / "webhooks").waiting()]
    assert sorted(waiting, key=lambda each: each.budget) == [message("0.5"), message("0.5", "other")]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "webhooks").iterdir()} == {0o600}
    assert (tmp_path / "webhooks").stat().st_mode & 0o777 == 0o700


def test_what_is_too_old_or_damaged_is_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Outbox(tmp_path).keep(message("0.5"))
    (tmp_path / "damaged.json").write_text('{"budget": "b"')
    assert [*Outbox(tmp_path).waiting()] == [message("0.5")]
    assert [*Outbox(tmp_path, now=lambda: time.time() + KEPT_S + 1).waiting()] == []
    assert ([*tmp_path.iterdir()], [line.endswith("too old or damaged") for line in caplog.messages]) == (
        [],
        [True] * 2,
    )


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(tmp_path / "webhooks")
    (tmp_path / "webhooks").rmdir()
    outbox.keep(message("0.5"))
    outbox.drop(message("0.5"))
    assert caplog.messages == ["the webhook of budget b is not kept over a restart"]


def test_what_cannot_be_taken_away_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(tmp_path)
    outbox.keep(message("0.5"))
    (kept,) = tmp_path.iterdir()
    kept.unlink()
    kept.mkdir()
    outbox.drop(message("0.5"))
    assert caplog.messages == ["the webhook of budget b may be told again after the next start"]
