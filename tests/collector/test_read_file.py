from __future__ import annotations

from pathlib import Path

from spanmeter_collector.read_file import ReadFile


def test_a_file_stands_well_until_it_changes_and_again_once_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text("a", encoding="utf-8")
    file = ReadFile(path, remedy="read it again")
    before = file.standing()

    path.write_text("ab", encoding="utf-8")
    changed = file.standing()
    path.unlink()
    gone = file.standing()
    path.write_text("abc", encoding="utf-8")
    file.note_read()

    assert (before, file.standing()) == ("ok", "ok")
    assert changed == "prices.toml has changed since it was read; read it again"
    assert gone == "prices.toml is gone since it was read; read it again"


def test_without_a_file_nothing_changes() -> None:
    assert ReadFile(None, remedy="none").standing() == "ok"
