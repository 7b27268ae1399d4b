"""What the sidecar lets this process reach of a budget that several processes share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """An answer of the sidecar; trillionths of a dollar, seconds by this process's monotonic clock.

    This process may reach `granted` with what it spent and reserved in the period that begins at `starts_s` (since
    1970, by the wall clock). `spent_all` and `reserved_all` are of all processes, `spent_told` the part of it that was
    ours. `refused` is the headroom that was not to be had, 0 when all of it was.
    """

    starts_s: float
    granted: int
    spent_all: int
    reserved_all: int
    spent_told: int
    reserved_told: int
    until_s: float
    renew_at_s: float
    refused: int = 0
    period: str = ""
    resets_at: datetime | None = None

    def after(self, before: Lease | None) -> Lease:
        """The same, knowing what was refused before: that a smaller need was met since makes it no less refused."""
        if before is None or self.refused or self.granted - self.spent_told - self.reserved_told >= before.refused:
            return self
        return replace(self, refused=before.refused)

    def elsewhere(self) -> int:
        """What others spent."""
        return max(0, self.spent_all - self.spent_told)

    def under_way_elsewhere(self) -> int:
        """What calls of others have reserved."""
        return max(0, self.reserved_all - self.reserved_told)
