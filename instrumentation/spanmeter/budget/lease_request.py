"""What the sidecar is told and asked for a lease, and how its answer is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from spanmeter.budget.account import Account
from spanmeter.budget.lease import Lease
from spanmeter.budget.picos import picos_of, usd_of
from spanmeter.budget.sums import Sums

RENEW_S: Final = 3.0
EXPIRES_S: Final = 10.0
"""Where an answer says nothing else."""


class LeaseRequest:
    """A request for a lease, with the figures of one moment."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.sums, self._need, self._want = account.ask_for()
        self.is_present = self.sums is account.sums()
        self._spent, self._reserved = self.sums.spent, self.sums.reserved
        self._stopped, self._downgraded = account.stopped, account.downgraded
        lease = account.lease
        same = lease is not None and lease.starts_s == self.sums.starts_s
        self._holds = lease.granted if lease is not None and same else 0
        self._period = lease.period if lease is not None and same else None

    def body(self) -> dict[str, Any]:
        """As the sidecar reads it; money is decimal text."""
        return {
            "period": self._period or _told_period(self.sums),
            "spent_usd": f"{usd_of(self._spent):f}",
            "reserved_usd": f"{usd_of(self._reserved):f}",
            "need_usd": f"{usd_of(self._need):f}",
            "want_usd": f"{usd_of(self._want):f}",
            "holds_usd": f"{usd_of(self._holds):f}",
            "stopped_calls": self._stopped,
            "downgraded_calls": self._downgraded,
        }

    def lease(self, fields: Mapping[str, Any], sent_s: float) -> Lease:
        """What the sidecar answered; it counts only for the period that both mean."""
        granted, sums = _picos(fields.get("granted_usd")), self.sums
        period = str(fields.get("period") or "")
        meant = sums.since is None or _same_moment(period, sums.since) or self._account.definition.period == "total"
        headroom = granted - self._spent - self._reserved
        return Lease(
            starts_s=sums.starts_s if meant else -1.0,
            granted=granted,
            spent_all=_picos(fields.get("spent_usd")),
            reserved_all=_picos(fields.get("reserved_usd")),
            spent_told=self._spent,
            reserved_told=self._reserved,
            until_s=sent_s + seconds(fields.get("expires_in_s"), EXPIRES_S),
            renew_at_s=sent_s + seconds(fields.get("renew_in_s"), RENEW_S),
            refused=self._need if headroom < self._need else 0,
            period=period,
        )


def _told_period(sums: Sums) -> str | None:
    return None if sums.since is None or sums.starts_s == 0 else sums.since.isoformat().replace("+00:00", "Z")


def _same_moment(told: str, moment: datetime) -> bool:
    try:
        return datetime.fromisoformat(told) == moment
    except (ValueError, TypeError):
        return False


def _picos(told: object) -> int:
    try:
        return picos_of(Decimal(str(told)))
    except (InvalidOperation, ValueError):
        return 0


def seconds(told: object, usual: float) -> float:
    """Read a length of time."""
    return float(told) if isinstance(told, int | float) and told >= 0 else usual
