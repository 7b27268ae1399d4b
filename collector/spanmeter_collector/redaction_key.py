"""The key of the hashes that redaction leaves, where the operator gives none: made once and kept."""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_hex
from typing import Final

from spanmeter_collector.setting import SettingError

_BYTES: Final = 32


def kept_key(path: Path) -> str:
    """The key in a file that only its owner may read; it is made where there is none.

    Raises:
        SettingError: the file can be neither read nor made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write(path, token_hex(_BYTES))
        return path.read_text(encoding="ascii")
    except OSError as error:
        reason = f"the key cannot be kept in {path.name}: {error.strerror}; or set SPANMETER_REDACT_KEY"
        raise SettingError("SPANMETER_DATA_DIR", str(path.parent), reason) from error


def _write(path: Path, key: str) -> None:
    """Whole or not at all."""
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
