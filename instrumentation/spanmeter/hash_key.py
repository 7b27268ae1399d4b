"""The secret that hashes of prompts are made with: the user's, one of this machine's user, or one of this process."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

VARIABLE: Final = "SPANMETER_HASH_KEY"
OFF: Final = "off"
LEAST_LENGTH: Final = 16
_BYTES: Final = 32
_PRIVATE_FILE: Final = 0o600
_PRIVATE_FOLDER: Final = 0o700
_log: Final = logging.getLogger("spanmeter")


@functools.cache
def hash_key() -> bytes | None:
    """The key of this process, read once; None where hashes are switched off or the variable is malformed."""
    try:
        return read_hash_key(os.environ)
    except ValueError as error:
        _log.error("prompts are not hashed: %s", error)
        return None


def read_hash_key(environ: Mapping[str, str]) -> bytes | None:
    """Read `SPANMETER_HASH_KEY`: a secret that processes share to know each other's prompts again, or `off`.

    Without it the key is in `hash.key` in the user's own state directory, made at random by the first process and
    readable by that user alone; where there is no such place, each process makes a key of its own.

    Raises:
        ValueError: the variable is too short to be a secret; the message says what is allowed, and not what it is.
    """
    told = environ.get(VARIABLE, "").strip()
    if told.lower() == OFF:
        return None
    if told:
        if len(told) < LEAST_LENGTH:
            raise ValueError(f"{VARIABLE} has {len(told)} characters: expected {LEAST_LENGTH} or more, or {OFF}")
        return hashlib.sha256(told.encode()).digest()
    path = _file(environ)
    kept = _kept(path) if path is not None and os.name == "posix" else None
    return secrets.token_bytes(_BYTES) if kept is None else kept


def _file(environ: Mapping[str, str]) -> Path | None:
    state = environ.get("XDG_STATE_HOME", "")
    if not state:
        with contextlib.suppress(RuntimeError):  # a user without a home
            state = str(Path("~/.local/state").expanduser())
    return Path(state, "spanmeter", "hash.key") if state else None


def _kept(path: Path) -> bytes | None:
    """The key in a file, which is made where it is missing; None if nobody can rely on it to be secret and whole."""
    with contextlib.suppress(OSError):
        _make(path)
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            key = file.read(_BYTES + 1)
        is_private = status.st_uid == os.getuid() and not stat.S_IMODE(status.st_mode) & 0o077
        if is_private and len(key) == _BYTES:
            return key
        _log.warning("%s is no key that this user alone can read: prompts are hashed with one of this process", path)
    return None


def _make(path: Path) -> None:
    """Write a new key beside the file and give it its name, unless another process was faster: nobody reads half."""
    if path.exists():
        return
    path.parent.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
        try:
            os.write(file, secrets.token_bytes(_BYTES))
        finally:
            os.close(file)
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)
