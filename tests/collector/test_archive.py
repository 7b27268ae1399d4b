"""The file a backup is: what it holds, and that nothing else passes for one."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from spanmeter_collector.archive import ArchiveError, extract, pieces
from spanmeter_collector.snapshot import Snapshot, Table

Change = Callable[[bytes], bytes]
CONTENT = {"count.txt": b"3", "data.bin": bytes(range(256)) * 9, "by_day.proj/data.bin": b"p"}


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    """One table of one part, one empty table, and a segment of which first and last byte do not count."""
    part, log = tmp_path / "part", tmp_path / "00001.log"
    (part / "by_day.proj").mkdir(parents=True)
    for path, content in CONTENT.items():
        (part / path).write_bytes(content)
    log.write_bytes(b"-whole+")
    tables = {"charges": Table({}), "spans": Table({"20261122_1_1_0": part})}
    return b"".join(pieces(Snapshot(tables, {log: range(1, 6)}, "26.9.2.1")))


def test_it_is_a_tar_file_that_ends_with_the_sums_of_what_is_in_it(archive: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        names = opened.getnames()
        contents = {name: opened.extractfile(name).read() for name in names}  # type: ignore[union-attr]

    stored = [f"store/spans/20261122_1_1_0/{name}" for name in sorted(CONTENT)]
    assert names == ["spanmeter-backup.json", *stored, "log/00001.log", "checksums.txt"]
    header = json.loads(contents["spanmeter-backup.json"])
    assert (header["format"], header["engine"], header["rows"]) == (1, "26.9.2.1", {"charges": 0, "spans": 3})
    sums = [f"{hashlib.sha256(contents[name]).hexdigest()}  {name}" for name in names[1:-1]]
    assert contents["checksums.txt"].decode().splitlines() == sums


def test_what_was_put_in_comes_out(archive: bytes, tmp_path: Path) -> None:
    header = extract(io.BytesIO(archive), tmp_path / "out")

    files = {str(path.relative_to(tmp_path / "out")): path for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in files.items()} == {
        **{f"store/spans/20261122_1_1_0/{name}": content for name, content in CONTENT.items()},
        "log/00001.log": b"whole",
    }
    assert header.rows == {"charges": 0, "spans": 3}


def other(name: str = "x", kind: bytes = tarfile.REGTYPE) -> bytes:
    """One member of a tar file."""
    member = tarfile.TarInfo(name)
    member.type = kind
    return member.tobuf()


def with_member(member: bytes) -> Change:
    """The archive with one more member after its header."""
    return lambda archive: archive[:1024] + member + archive[1024:]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda _: b"", "this is no backup, or it is torn: empty file", id="empty"),
        pytest.param(lambda _: b"text " * 999, "this is no backup, or it is torn: ", id="text"),
        pytest.param(lambda _: other() + bytes(1024), "this is no backup: it does not begin with spanm", id="foreign"),
        pytest.param(lambda _: other("spanmeter-backup.json"), "this is no backup: spanmeter-backup.json", id="header"),
        pytest.param(lambda whole: whole[:4000], "this is no backup, or it is torn: unexpected end of data", id="torn"),
        pytest.param(lambda whole: whole[:1024] + bytes(1024), "the backup is torn: its end is missing", id="no end"),
        pytest.param(
            lambda whole: whole.replace(b'"format": 1', b'"format": 2'),
            "spanmeter 0.1.0 wrote this backup; restore it with that version",
            id="later",
        ),
        pytest.param(lambda whole: whole.replace(b"whole", b"while"), "the backup is damaged: the ch", id="flipped"),
        pytest.param(
            lambda whole: whole.replace(b"  log/", b"\xff log/"), "this is no backup, or it is torn: 'utf-8'", id="sums"
        ),
        pytest.param(with_member(other("log/more")), "the backup is damaged: the checksum of log/more", id="more"),
        pytest.param(with_member(other("log/../../x")), "'log/../../x' does not belong into a backup", id="climbs"),
        pytest.param(with_member(other("/etc/x")), "'/etc/x' does not belong into a backup", id="absolute"),
        pytest.param(with_member(other("log/x", tarfile.SYMTYPE)), "'log/x' does not belong into", id="link"),
        pytest.param(lambda whole: whole[:-1024] + other("log/x"), "'log/x' does not belong into", id="after the end"),
    ],
)
def test_nothing_else_passes_for_a_backup(archive: bytes, tmp_path: Path, change: Change, said: str) -> None:
    with pytest.raises(ArchiveError) as refused:
        extract(io.BytesIO(change(archive)), tmp_path / "out")

    assert str(refused.value).startswith(said)
    assert not (tmp_path / "x").exists()
