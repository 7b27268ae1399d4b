"""What counts as room on the disk."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from spanmeter_collector import room
from spanmeter_collector.room import RoomError, has_room, require_room


def test_there_is_room_where_more_is_free_than_is_needed(tmp_path: Path) -> None:
    require_room(tmp_path / "not" / "there" / "yet")
    assert has_room(tmp_path)


def test_too_little_room_is_told_with_how_much_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = os.statvfs(tmp_path)
    needed = 2 * disk.f_blocks * disk.f_frsize
    monkeypatch.setattr(room, "LEAST_BYTES", needed)

    assert not has_room(tmp_path)
    with pytest.raises(RoomError, match=re.compile(rf"^the disk is full: \d+ bytes are free, {needed} are needed$")):
        require_room(tmp_path)
