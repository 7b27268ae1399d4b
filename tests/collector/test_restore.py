"""What a restore refuses before anything is unpacked, and that it leaves nothing behind."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from spanmeter_collector.archive import ArchiveError
from spanmeter_collector.restore import refuse_unfinished, restore
from spanmeter_collector.setting import SettingError
from spanmeter_collector.settings import Settings

NOTHING = "this is no backup, or it is torn: empty file"


def settings(directory: Path, store: str = "") -> Settings:
    return Settings(data_dir=directory, store=store or f"chdb://{directory}/store")


@pytest.mark.parametrize("held", ["log", "store", "notes.txt"])
def test_a_directory_with_content_is_left_alone(tmp_path: Path, held: str) -> None:
    (tmp_path / held).mkdir()

    with pytest.raises(SettingError, match=f"the directory is not empty, it holds {held}; move that away or name"):
        restore(io.BytesIO(), settings(tmp_path))

    assert [path.name for path in tmp_path.iterdir()] == [held]


def test_a_store_elsewhere_has_to_be_empty_too(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "store").mkdir(parents=True)

    with pytest.raises(SettingError, match="the store is not empty; move it away or name another"):
        restore(io.BytesIO(), settings(tmp_path / "data", f"chdb://{tmp_path}/elsewhere"))


def test_a_server_restores_its_own(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="a ClickHouse server restores its own with RESTORE DATABASE"):
        restore(io.BytesIO(), settings(tmp_path, "clickhouse://db:8123/spanmeter"))


def test_what_fails_leaves_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()

    with pytest.raises(ArchiveError, match=NOTHING):
        restore(io.BytesIO(), settings(tmp_path))

    assert [path.name for path in tmp_path.iterdir()] == ["lost+found"]


def test_what_a_killed_restore_left_is_in_the_way_of_a_sidecar_only(tmp_path: Path) -> None:
    (tmp_path / "restoring" / "store" / "spans").mkdir(parents=True)

    with pytest.raises(
        SettingError, match="a restore into this directory is not finished; run spanmeter restore again"
    ):
        refuse_unfinished(settings(tmp_path))
    with pytest.raises(ArchiveError, match=NOTHING):
        restore(io.BytesIO(), settings(tmp_path))

    refuse_unfinished(settings(tmp_path))
