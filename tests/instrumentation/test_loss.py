"""Lost spans are counted by reason and said once a minute."""

from __future__ import annotations

import pytest

from spanmeter import loss
from spanmeter.tally import tally


def test_each_reason_is_said_at_most_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [5.0]
    monkeypatch.setattr(loss, "monotonic", lambda: clock[0])
    loss._said.clear()
    loss.lost.clear()
    before = tally.dropped_spans
    loss.lose(1, loss.Reason.QUEUE_FULL)
    loss.lose(2, loss.Reason.QUEUE_FULL)
    loss.lose(4, loss.Reason.REFUSED, detail="400 Bad Request")
    clock[0] = 65.0
    loss.lose(8, loss.Reason.QUEUE_FULL)

    assert tally.dropped_spans - before == 15
    assert loss.lost == {loss.Reason.QUEUE_FULL: 11, loss.Reason.REFUSED: 4}
    assert caplog.messages == [
        "1 spans dropped so far because the queue is full",
        "4 spans dropped so far because the sidecar refused them: 400 Bad Request",
        "11 spans dropped so far because the queue is full",
    ]
