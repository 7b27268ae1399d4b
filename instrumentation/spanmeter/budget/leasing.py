"""Shares budgets with other processes: a thread asks the sidecar for leases, reports, and learns of its budgets."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from time import monotonic
from typing import Any, Final

from spanmeter.barrier import barrier
from spanmeter.budget.account import Account
from spanmeter.budget.budgets import Budgets
from spanmeter.budget.door import Door, Told
from spanmeter.budget.lease import Lease
from spanmeter.budget.picos import picos_of, usd_of
from spanmeter.budget.sums import Sums
from spanmeter.budget_definition import BudgetDefinition, DefinitionError
from spanmeter.fork import in_child
from spanmeter.instance import instance_id
from spanmeter.wire import Destination

LOOK_EVERY_S: Final = 60.0
"""How often it looks for budgets that only the sidecar's file defines."""
FIRST_AWAY_S: Final = 0.5
LONGEST_AWAY_S: Final = 10.0
RENEW_S: Final = 3.0
_log: Final = logging.getLogger("spanmeter.budget")


class Share:
    """One account as the sidecar knows it."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.defined: BudgetDefinition | None = None
        self.due_s = 0.0
        self.away_s = FIRST_AWAY_S
        self.counted = (0, 0)

    def next_s(self) -> float:
        """When the sidecar is to be asked again, by the monotonic clock; never where there is nothing to say."""
        account, lease = self.account, self.account.lease
        if self.defined != account.definition or account.is_away or account.waiting:
            return self.due_s
        if account.definition.period == "request":
            return float("inf")
        if account.unreported or account.in_use or self.counted != (account.stopped, account.downgraded):
            return max(self.due_s, lease.renew_at_s if lease is not None else 0.0)
        return float("inf")


class Leasing:
    """The thread and what it knows; it lives only while there are budgets.

    Calls never wait for it, except where a lease is unavoidable: then for its next answer.
    """

    def __init__(self, budgets: Budgets, destination: Destination) -> None:
        self._budgets = budgets
        self._destination = destination
        self._begin()
        in_child(self._begin_in_child)

    def _begin(self) -> None:
        self._shares: dict[str, Share] = {}
        self._door: Door | None = None
        self._told = threading.Event()
        self._closed = False
        self._sequence = 0
        self._look_s = 0.0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def _begin_in_child(self) -> None:
        # The thread starts with the first call that wakes it: now other locks may still be the parent's.
        closed = self._closed
        self._begin()
        self._closed = closed

    def follow(self) -> None:
        """Take up the budgets there are now."""
        if self._closed:
            return
        for account in self._budgets.accounts.values():
            account.wake = self._wake
        self._start()
        self._wake()

    def close(self) -> None:
        """Report what was spent and give back what is left."""
        self._closed = True
        self._told.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(4.0)
        for account in self._budgets.accounts.values():
            account.wake = None
            account.lease = None

    def _wake(self) -> None:
        if self._thread is None and not self._closed:
            self._start()
        if not self._told.is_set():
            self._told.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            try:
                thread = threading.Thread(target=self._work, name="spanmeter-budgets", daemon=True)
                thread.start()
                self._thread = thread
            except RuntimeError:  # too late for threads: the process exits
                self._closed = True

    def _work(self) -> None:
        self._door = Door(self._destination)
        while not self._closed:
            next_s = self._round() or monotonic() + RENEW_S
            self._told.wait(max(0.0, next_s - monotonic()))
            self._told.clear()
        self._release()
        self._door.close()

    @barrier
    def _round(self) -> float:
        """Do what is due, and return when there is more to do."""
        if monotonic() >= self._look_s:
            self._look()
        for name, account in self._budgets.accounts.items():
            share = self._shares.get(name)
            if share is None or share.account is not account:
                self._shares[name] = share = Share(account)
            if not self._closed and share.next_s() <= monotonic():
                self._renew(share)
        due = [share.next_s() for name, share in self._shares.items() if name in self._budgets.accounts]
        return min([self._look_s, *due])

    def _look(self) -> None:
        """Take up the budgets that only the sidecar defines."""
        told = self._ask("GET")
        self._look_s = monotonic() + (LOOK_EVERY_S if told.status else LONGEST_AWAY_S)
        for row in told.fields.get("rows") or ():
            definition = _definition(row)
            if definition is not None and definition.name not in self._budgets.accounts:
                account = Account(definition)
                account.wake = self._wake
                self._budgets.put(account)

    def _renew(self, share: Share) -> None:
        """Ask for a lease, which reports what was spent; define the budget first where the sidecar may not know it."""
        account = share.account
        if share.defined != account.definition and not self._define(share, account.definition):
            return
        if account.definition.period == "request":
            return
        told = self._lease(share, Request(account))
        if told.status == 404:
            share.defined = None
            self._away(share)

    def _define(self, share: Share, definition: BudgetDefinition) -> bool:
        """Define a budget. Only an operator may have the sidecar post to a webhook; else this process does."""
        fields = definition.as_fields()
        told = self._ask("PUT", definition.name, body=fields)
        share.account.tells_webhook = told.status not in _KNOWN
        if told.status == 403 and definition.webhook is not None:
            told = self._ask("PUT", definition.name, body={**fields, "webhook": None})
        if told.status in _KNOWN:
            share.defined = definition
            return True
        self._refused(share, told)
        return False

    def _lease(self, share: Share, request: Request, *, release: bool = False) -> Told:
        account, sent_s = share.account, monotonic()
        counted = account.stopped, account.downgraded
        self._sequence += 1
        body = request.body() | {"holder": instance_id(), "sequence": self._sequence, "release": release}
        told = self._ask("POST", account.definition.name, below="lease", body=body)
        if told.status != 200:
            self._away(share)
            return told
        share.counted = counted
        lease = request.lease(told.fields, sent_s)
        self._adopt(share, told.fields)
        account.adopt(lease)
        share.away_s = FIRST_AWAY_S
        retry_s = _seconds(told.fields.get("retry_in_s"), 0.0) if lease.refused else 0.0
        share.due_s = monotonic() + max(retry_s, 0.002)
        return told

    def _adopt(self, share: Share, fields: Mapping[str, Any]) -> None:
        """Go by the definition in force at the sidecar, where its file has another one."""
        definition = _definition(fields.get("budget") or {})
        account = share.account
        if definition is not None and _terms(definition) != _terms(account.definition):
            account.define(definition)
            self._budgets.arrange()
            share.defined = definition

    def _away(self, share: Share) -> None:
        share.account.lost()
        share.due_s = monotonic() + share.away_s
        share.away_s = min(2 * share.away_s, LONGEST_AWAY_S)

    def _refused(self, share: Share, told: Told) -> None:
        if told.status and share.away_s == FIRST_AWAY_S:
            reason = told.fields.get("error") or told.status
            _log.warning("the sidecar does not take budget %r: %s", share.account.definition.name, reason)
        self._away(share)

    def _release(self) -> None:
        for name, share in self._shares.items():
            if share.account.lease is not None and name in self._budgets.accounts:
                barrier(self._lease)(share, Request(share.account), release=True)

    def _ask(self, method: str, name: str = "", *, below: str = "", body: Mapping[str, Any] | None = None) -> Told:
        assert self._door is not None  # noqa: S101
        return self._door.ask(method, name, below=below, body=body)


class Request:
    """A request for a lease, with the figures of one moment."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._sums, self._need, self._want = account.ask_for()
        self._spent, self._reserved = self._sums.spent, self._sums.reserved
        self._stopped, self._downgraded = account.stopped, account.downgraded
        lease = account.lease
        same = lease is not None and lease.starts_s == self._sums.starts_s
        self._holds = lease.granted if lease is not None and same else 0
        self._period = lease.period if lease is not None and same else None

    def body(self) -> dict[str, Any]:
        """As the sidecar reads it; money is decimal text."""
        return {
            "period": self._period or _told_period(self._sums),
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
        granted, sums = _picos(fields.get("granted_usd")), self._sums
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
            until_s=sent_s + _seconds(fields.get("expires_in_s"), 10.0),
            renew_at_s=sent_s + _seconds(fields.get("renew_in_s"), RENEW_S),
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


def _definition(row: Mapping[str, Any]) -> BudgetDefinition | None:
    fields = {key: row[key] for key in _FIELDS if key in row}
    try:
        return BudgetDefinition.of(row.get("name"), fields)
    except DefinitionError:  # of a newer sidecar
        return None


def _terms(definition: BudgetDefinition) -> dict[str, Any]:
    """What decides; the sidecar tells nobody the address of a webhook, which may hold a secret."""
    return {key: value for key, value in definition.as_fields().items() if key != "webhook"}


def _picos(told: object) -> int:
    try:
        return picos_of(Decimal(str(told)))
    except (InvalidOperation, ValueError):
        return 0


def _seconds(told: object, usual: float) -> float:
    return float(told) if isinstance(told, int | float) and told >= 0 else usual


_KNOWN: Final = frozenset({200, 201, 409})
"""Statuses that say that there is a budget of the name, ours or the one of the sidecar's file."""
_FIELDS: Final = ("limit_usd", "period", "timezone", "scope", "action", "downgrade", "on_unknown", "thresholds")
