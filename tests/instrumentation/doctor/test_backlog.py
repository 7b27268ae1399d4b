"""What is said of the spool."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from spanmeter.doctor import backlog
from spanmeter.doctor.finding import Finding
from spanmeter.folder import Folder


def test_an_empty_spool_that_can_be_written_to_is_well(tmp_path: Path) -> None:
    told = backlog.check({"SPANMETER_SPOOL_DIR": str(tmp_path / "not" / "yet"), "SPANMETER_SPOOL_MB": "1"})
    assert told == [Finding.ok("spool", f"{tmp_path}/not/yet can be written to, up to 1 MB")]
    assert not (tmp_path / "not").exists()


def test_what_waits_is_counted(tmp_path: Path) -> None:
    folder = Folder.make(tmp_path / "destination")
    (folder.path / f"{time.time_ns() - 5_400_000_000_000:020d}-40.otlp.gz").write_bytes(b"")
    folder.write(b"", spans=2000)
    folder.forget()
    _, waiting = backlog.check({"SPANMETER_SPOOL_DIR": str(tmp_path), "SPANMETER_SPOOL_MB": "1"})
    assert (waiting.level, waiting.text) == ("warning", "2,040 spans wait for the sidecar, the oldest for 90 minutes")


def test_a_place_where_no_directory_can_be_made_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (told,) = backlog.check({"SPANMETER_SPOOL_DIR": f"{tmp_path}/file/spool"})
    assert (told.level, told.text) == ("problem", f"{tmp_path}/file/spool cannot be written to")


def test_a_disk_with_less_room_than_the_spool_may_take_is_a_warning(tmp_path: Path) -> None:
    (told,) = backlog.check({"SPANMETER_SPOOL_DIR": str(tmp_path), "SPANMETER_SPOOL_MB": "999999999"})
    assert (told.level, told.text.endswith("which may take 999999999 MB")) == ("warning", True)


def test_a_spool_may_be_switched_off() -> None:
    (told,) = backlog.check({"SPANMETER_SPOOL_MB": "0"})
    assert (told.level, told.text.partition(":")[0]) == ("ok", "switched off")


def test_a_malformed_size_is_a_problem() -> None:
    (told,) = backlog.check({"SPANMETER_SPOOL_MB": "many"})
    assert (told.level, told.text.partition(":")[0]) == ("problem", "SPANMETER_SPOOL_MB='many'")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3.0, "0 seconds"), (119.0, "119 seconds"), (120.0, "2 minutes"), (7199.0, "120 minutes"), (7200.0, "2 hours")],
)
def test_a_length_is_told_in_a_unit_that_fits(seconds: float, words: str) -> None:
    assert backlog._length(seconds) == words
