"""The key of prompts' hashes: the user's own, one that a machine's user has to himself, or none."""

from __future__ import annotations

import hashlib
import logging
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spanmeter.hash_key import read_hash_key

SECRET = "correct horse battery staple"
PROGRAM = "import os; from spanmeter.hash_key import read_hash_key; print(read_hash_key(os.environ).hex())"


@pytest.mark.parametrize("off", ["off", "OFF", " off "])
def test_hashes_can_be_switched_off(off: str) -> None:
    assert read_hash_key({"SPANMETER_HASH_KEY": off}) is None


def test_the_users_own_secret_is_the_same_key_everywhere() -> None:
    assert read_hash_key({"SPANMETER_HASH_KEY": SECRET}) == hashlib.sha256(SECRET.encode()).digest()


def test_a_secret_that_is_none_is_refused_without_telling_it() -> None:
    with pytest.raises(ValueError, match=r"^SPANMETER_HASH_KEY has 6 characters: expected 16 or more, or off$"):
        read_hash_key({"SPANMETER_HASH_KEY": "hunter"})


def test_processes_of_one_user_share_a_key_that_nobody_else_can_read(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    with ThreadPoolExecutor() as threads:
        keys = {*threads.map(lambda _: read_hash_key(environ), range(32))}

    file = tmp_path / "spanmeter" / "hash.key"
    shown = subprocess.run([sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=True)
    assert keys == {file.read_bytes()} == {bytes.fromhex(shown.stdout)}
    assert len(file.read_bytes()) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["hash.key"]


@pytest.mark.parametrize(("mode", "content"), [(0o644, bytes(32)), (0o600, b"cut short")], ids=["readable", "short"])
def test_a_file_that_is_no_secret_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, content: bytes
) -> None:
    file = tmp_path / "spanmeter" / "hash.key"
    file.parent.mkdir()
    file.write_bytes(content)
    file.chmod(mode)

    with caplog.at_level(logging.WARNING, "spanmeter"):
        first, second = (read_hash_key({"XDG_STATE_HOME": str(tmp_path)}) for _ in range(2))

    assert first is not None
    assert second is not None
    assert len({first, second, bytes(32)}) == 3
    assert (
        caplog.messages
        == [f"{file} is no key that this user alone can read: prompts are hashed with one of this process"] * 2
    )


def test_without_a_place_to_keep_it_a_process_makes_its_own(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")

    first, second = (read_hash_key({"XDG_STATE_HOME": str(blocked)}) for _ in range(2))

    assert first is not None
    assert first != second
