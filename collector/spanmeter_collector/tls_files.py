"""The files that TLS needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The sidecar's certificate with its chain, its key, and whose certificates clients have to show, if any."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def stamp(self) -> Stamp:
        """What changes when a file is replaced."""
        stats = [path.stat() for path in (self.certificate, self.key, self.client_ca) if path]
        return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats)
