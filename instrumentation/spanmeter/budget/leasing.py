"""Shares budgets with other processes: a thread asks the sidecar for leases, reports, and learns of its budgets."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

from spanmeter.barrier import barrier
from spanmeter.budget.account import Account
from spanmeter.budget.budgets import Budgets
from spanmeter.budget.door import Door, Told
from spanmeter.budget.lease_request import RENEW_S, LeaseRequest, seconds
from spanmeter.budget_definition import BudgetDefinition, DefinitionError
from spanmeter.destination import Destination
from spanmeter.fork import in_child
from spanmeter.instance import instance_id

LOOK_EVERY_S: Final = 60.0
"""How often it looks for budgets that only the sidecar's file defines."""
FIRST_AWAY_S: Final = 0.5
LONGEST_AWAY_S: Final = 10.0
RETRY_S: Final = 0.25
"""How soon it asks again where the sidecar's clock shows another period."""
LEAST_S: Final = 0.1
"""How soon it asks again for calls that wait: by then more of them do, and some money may have come back."""
_log: Final = logging.getLogger("spanmeter.budget")


class Share:
    """One account as the sidecar knows it."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.defined: BudgetDefinition | None = None
        self.due_s = 0.0
        self.away_s = FIRST_AWAY_S
        self.is_told_away = False
        self.counted = (0, 0)

    def came_back(self) -> None:
        """Say so where it was said that the sidecar is away."""
        if self.is_told_away:
            _log.info("budget %r is shared again", self.account.definition.name)
        self.is_told_away, self.away_s = False, FIRST_AWAY_S

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
        for share in self._shares.values():
            self._give_back(share)
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
        for name in self._shares.keys() - self._budgets.accounts.keys():
            self._give_back(self._shares.pop(name))
        return min([self._look_s, *(share.next_s() for share in self._shares.values())])

    def _look(self) -> None:
        """Take up the budgets that only the sidecar defines."""
        told = self._ask("GET")
        self._look_s = monotonic() + (LOOK_EVERY_S if 0 < told.status < 500 else LONGEST_AWAY_S)
        rows = told.fields.get("rows")
        if told.status != 200 or not isinstance(rows, list):
            return
        found = {definition.name: definition for definition in map(_definition, rows) if definition is not None}
        for name, account in self._budgets.accounts.items():
            if account.is_theirs and name not in found:
                self._budgets.remove(name)
        for name in found.keys() - self._budgets.accounts.keys() - self._budgets.closed:
            account = Account(found[name])
            account.is_theirs = True
            account.wake = self._wake
            self._budgets.put(account)

    def _renew(self, share: Share) -> None:
        """Ask for a lease, which reports what was spent; define the budget first where the sidecar may not know it."""
        account = share.account
        if account.is_theirs:
            share.defined = account.definition
        elif share.defined != account.definition and not self._define(share, account.definition):
            return
        if account.definition.period == "request":
            return
        told = self._lease(share, LeaseRequest(account))
        if told.status == 404:
            share.defined = None
            if account.is_theirs:
                self._budgets.remove(account.definition.name)

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
        self._away(share, told)
        return False

    def _lease(self, share: Share, request: LeaseRequest, *, release: bool = False) -> Told:
        account, sent_s = share.account, monotonic()
        counted = account.stopped, account.downgraded
        self._sequence += 1
        body = request.body() | {"holder": instance_id(), "sequence": self._sequence, "release": release}
        told = self._ask("POST", account.definition.name, below="lease", body=body)
        if told.status != 200:
            self._away(share, told)
            return told
        share.counted = counted
        lease = request.lease(told.fields, sent_s)
        self._adopt(share, told.fields)
        account.adopt(lease, request.sums)
        share.came_back()
        retry_s = seconds(told.fields.get("retry_in_s"), RETRY_S) if lease.refused else 0.0
        is_another = request.is_present and lease.starts_s != request.sums.starts_s
        share.due_s = monotonic() + max(retry_s, RETRY_S if is_another else LEAST_S)
        return told

    def _adopt(self, share: Share, fields: Mapping[str, Any]) -> None:
        """Go by the definition in force at the sidecar, where its file has another one."""
        account = share.account
        definition = _definition({"name": account.definition.name, **(fields.get("budget") or {})})
        if definition is not None and _terms(definition) != _terms(account.definition):
            definition = replace(definition, webhook=account.definition.webhook)
            account.define(definition)
            self._budgets.arrange()
            share.defined = definition

    def _away(self, share: Share, told: Told) -> None:
        is_deleted = told.status == 404 and "error" in told.fields
        if share.away_s == FIRST_AWAY_S and not is_deleted and share.account.definition.period != "request":
            self._tell_of(share.account, told)
            share.is_told_away = True
        share.account.lost()
        share.due_s = monotonic() + share.away_s
        share.away_s = min(2 * share.away_s, LONGEST_AWAY_S)

    def _tell_of(self, account: Account, told: Told) -> None:
        goes_on = "calls stop" if account.away == "stop" else "this process goes by its own account"
        reason = _reason(told, self._destination.url)
        _log.warning("budget %r is not shared, %s: %s", account.definition.name, goes_on, reason)

    def _give_back(self, share: Share) -> None:
        """Report what was spent and stopped, and return what is left of a lease."""
        if share.account.lease is not None:
            barrier(self._lease)(share, LeaseRequest(share.account), release=True)

    def _ask(self, method: str, name: str = "", *, below: str = "", body: Mapping[str, Any] | None = None) -> Told:
        assert self._door is not None  # noqa: S101
        return self._door.ask(method, name, below=below, body=body)


def _reason(told: Told, url: str) -> str:
    asked = urlsplit(url).netloc.rpartition("@")[2]
    if not told.status:
        return f"no sidecar answers at {asked}"
    said = told.fields.get("error") or told.fields.get("detail") or f"status {told.status}"
    advice = "; SPANMETER_SIDECAR names it where spans go elsewhere first" if "error" not in told.fields else ""
    return f"{asked} says: {said}{advice}"


def _definition(row: Mapping[str, Any]) -> BudgetDefinition | None:
    fields = {key: row[key] for key in _FIELDS if key in row}
    try:
        return BudgetDefinition.of(row.get("name"), fields)
    except DefinitionError:  # of a newer sidecar
        return None


def _terms(definition: BudgetDefinition) -> dict[str, Any]:
    """What decides; the sidecar tells nobody the address of a webhook, which may hold a secret."""
    return {key: value for key, value in definition.as_fields().items() if key != "webhook"}


_KNOWN: Final = frozenset({200, 201, 409})
"""Statuses that say that there is a budget of the name, ours or the one of the sidecar's file."""
_FIELDS: Final = ("limit_usd", "period", "timezone", "scope", "action", "downgrade", "on_unknown", "thresholds")
