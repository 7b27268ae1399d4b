"""A folder belongs to whoever holds its lock, and its files appear whole."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from spanmeter.folder import Folder

HOLDER = """
import sys
from pathlib import Path
from spanmeter.folder import Folder
folder = Folder.make(Path(sys.argv[1]))
folder.write(b"body", spans=3)
print("held", flush=True)
sys.stdin.readline()
"""


def test_only_its_user_may_look_into_it(tmp_path: Path) -> None:
    folder = Folder.make(tmp_path / "spool" / "home")
    parcel = folder.write(b"body", spans=3)

    modes = [path.stat().st_mode & 0o777 for path in (folder.path.parent, folder.path, parcel.path)]
    assert [oct(mode) for mode in modes] == ["0o700", "0o700", "0o600"]
    folder.close()


def test_a_body_is_found_again_with_its_spans(tmp_path: Path) -> None:
    folder = Folder.make(tmp_path)
    written = folder.write(b"body", spans=3)

    assert folder.parcels() == [written]
    assert (written.spans, written.size, written.own, written.read()) == (3, 4, True, b"body")
    folder.close()


def test_a_folder_is_adopted_only_when_its_process_is_dead(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        (path,) = tmp_path.iterdir()
        assert Folder.adopt(path) is None
        holder.kill()

    adopted = Folder.adopt(path)
    assert adopted is not None
    assert [(parcel.spans, parcel.own) for parcel in adopted.parcels()] == [(3, False)]
    adopted.close()


def test_a_forked_child_does_not_keep_its_parents_lock(tmp_path: Path) -> None:
    folder = Folder.make(tmp_path)
    folder.forget()

    adopted = Folder.adopt(folder.path)
    assert adopted is not None
    adopted.close()


def test_an_empty_folder_disappears_and_one_with_bodies_stays(tmp_path: Path) -> None:
    empty, full = Folder.make(tmp_path), Folder.make(tmp_path)
    (empty.path / "1-1.part").write_bytes(b"unfinished")
    full.write(b"body", spans=1)
    empty.close()
    full.close()

    assert list(tmp_path.iterdir()) == [full.path]


def test_files_that_are_no_bodies_are_not_sent(tmp_path: Path) -> None:
    folder = Folder.make(tmp_path)
    (folder.path / "1-x.otlp.gz").write_bytes(b"")
    (folder.path / "1-3.part").write_bytes(b"")

    assert folder.parcels() == []
    folder.close()


def test_a_body_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    folder = Folder.make(tmp_path)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2, usual[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            folder.write(b"body", spans=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)

    assert [path.name for path in folder.path.iterdir()] == ["lock"]
    folder.close()


def test_a_home_that_cannot_be_written_to_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(NotADirectoryError):
        Folder.make(tmp_path / "file" / "home")
