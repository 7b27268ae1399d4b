"""The backlog: spans on disk that no sidecar has taken yet, and whether more could be put there."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from spanmeter.doctor.finding import Finding
from spanmeter.folder import SUFFIX
from spanmeter.spool import SpoolSettings

CHECK: Final = "spool"
_MB: Final = 1024 * 1024


def check(environ: Mapping[str, str]) -> list[Finding]:
    """Whether the spool is usable and what waits in it."""
    try:
        settings = SpoolSettings.from_environment(environ)
    except ValueError as error:
        return [Finding.problem(CHECK, str(error), "correct it: spanmeter.instrument() refuses to start with it")]
    if settings.directory is None or settings.max_bytes == 0:
        return [Finding.ok(CHECK, "switched off: spans that the sidecar does not take are dropped and counted")]
    return [_room(settings.directory, settings.max_bytes), *_waiting(settings.directory)]


def _room(directory: Path, most: int) -> Finding:
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        advice = "set SPANMETER_SPOOL_DIR to a directory the application may write to, or SPANMETER_SPOOL_MB=0"
        return Finding.problem(CHECK, f"{directory} cannot be written to", advice)
    free = shutil.disk_usage(nearest).free
    if free < most:
        text = f"{free // _MB} MB are free for {directory}, which may take {most // _MB} MB"
        return Finding.warning(CHECK, text, "free some disk, or set a smaller SPANMETER_SPOOL_MB")
    return Finding.ok(CHECK, f"{directory} can be written to, up to {most // _MB} MB")


def _waiting(directory: Path) -> list[Finding]:
    # home of a destination / folder of a process / body: the time it was written, how many spans it holds
    names = [path.name.removesuffix(SUFFIX).partition("-") for path in directory.glob(f"*/*/*{SUFFIX}")]
    waiting = [(int(at), int(spans)) for at, _, spans in names if at.isdecimal() and spans.isdecimal()]
    if not waiting:
        return []
    age = _length(time.time() - min(waiting)[0] / 1e9)
    text = f"{sum(spans for _, spans in waiting):,} spans wait for the sidecar, the oldest for {age}"
    advice = "an application sends them once the sidecar it was told of is there; after seven days they are dropped"
    return [Finding.warning(CHECK, text, advice)]


def _length(seconds: float) -> str:
    for unit, name in ((3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(seconds, 0):.0f} seconds"
