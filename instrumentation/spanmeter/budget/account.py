"""The money of one budget in this process: what was spent, what is reserved, and whether a call still fits."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from time import monotonic
from typing import Final, Literal

from spanmeter.budget.exceeded import Refusal
from spanmeter.budget.hold import Hold, Verdict
from spanmeter.budget.lease import Lease
from spanmeter.budget.likely import UNKNOWN, Likely
from spanmeter.budget.picos import picos_of, usd_of
from spanmeter.budget.sums import Periods, Requests, Sums
from spanmeter.budget_definition import BudgetDefinition
from spanmeter.fork import in_child

Away = Literal["allow", "stop"]
AHEAD: Final = 100
"""The headroom wished before anything is known of the use: this part of the limit."""
LEASE_WAIT_S: Final = 2.0
"""How long a call waits for the sidecar's first answer before it is taken to be away."""


class Account:
    """One budget's sums under one lock, alone or with a lease of the sidecar's.

    A call that fits is held at what it costs at most. One that does not is let through alone, when no other is under
    way, if what is left pays for its prompt: it may then overshoot by what it costs beyond what was left. Otherwise it
    waits for the others, and is stopped once the money is spent.
    """

    def __init__(
        self,
        definition: BudgetDefinition,
        *,
        away: Away = "allow",
        wait_s: float = 30.0,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.wait_s = wait_s
        self.away: Away = away
        self.is_theirs = False
        self.wake: Callable[[], None] | None = None
        self._wall = wall
        self._clock = clock
        self._requests = Requests()
        self.define(definition)
        self._begin()
        in_child(self._begin_in_child)

    def define(self, definition: BudgetDefinition) -> None:
        """Go by another definition; what was spent stays, unless its periods are others."""
        before = getattr(self, "definition", None)
        self.definition = definition
        self.limit = picos_of(definition.limit_usd)
        self.holds = definition.action == "stop"
        self._marks = [picos_of(share * definition.limit_usd) for share in definition.thresholds]
        if before is None or (before.period, before.timezone) != (definition.period, definition.timezone):
            self._periods = Periods(definition, self._wall)

    def _begin(self) -> None:
        # Reentrant: the collector of garbage ends dropped streams anywhere, also in the middle of `hold`.
        self._lock = threading.RLock()
        self.lease: Lease | None = None
        self.is_away = False
        self.tells_webhook = True
        self.waiting: dict[object, int] = {}
        self.need = 0
        self.stopped = 0
        self.downgraded = 0
        self.crossed: Counter[str] = Counter()

    def _begin_in_child(self) -> None:
        self._begin()
        self._periods = self._periods.forked()
        self._requests = Requests()

    def sums(self, request: object = None) -> Sums:
        """The sums of the present period, or of a request where the budget is for each request."""
        return self._requests.of(request) if self.definition.period == "request" else self._periods.now()

    def bind(self, trace: int, sums: Sums) -> None:
        """Have a trace go on with the sums that its first call began."""
        if self.definition.period == "request":
            self._requests.bind(trace, sums)

    def hold(self, likely: Likely | None, *, request: object, asker: object, waited_s: float) -> Hold | Verdict:
        """Keep what a call may cost, nothing where that is not known, or say why not."""
        with self._lock:
            sums = self.sums(request)
            if likely is None:
                if self.definition.on_unknown == "stop":
                    return Verdict.UNPRICED
                likely = UNKNOWN
            if not self.holds or not (likely.most or likely.sure):
                return self._take(sums, likely.most)
            lease = self._valid_lease(sums)
            if self.wake is None or lease is not None:
                found = self._fit(sums, likely, lease, asker)
                goes_on = found is Verdict.HELD and self.is_away and self.away == "allow"
                return self._fit(sums, likely, None, asker) if goes_on else found
            if not self.is_away and waited_s < LEASE_WAIT_S:
                return self._ask(likely.most, likely, asker, Verdict.UNASKED)
            return Verdict.AWAY if self.away == "stop" else self._fit(sums, likely, None, asker)

    def covers(self, likely: Likely | None, *, request: object) -> bool:
        """Tell whether a call fits into what is left, as far as is known; without a price, whether anything is."""
        with self._lock:
            sums = self.sums(request)
            return self._spent(sums) + self._reserved(sums) + (likely.most if likely else UNKNOWN.sure) <= self.limit

    def settle(self, hold: Hold, picos: int) -> None:
        """Give back what was held, and note what the call did cost."""
        with self._lock:
            sums = hold.sums
            sums.reserved -= hold.picos
            sums.calls -= 1
            sums.spent += picos

    def charge(self, picos: int, *, request: object) -> Sums:
        """Note what a call cost that reserved nothing."""
        with self._lock:
            sums = self.sums(request)
            sums.spent += picos
            return sums

    def passed(self, sums: Sums) -> Sequence[Decimal]:
        """Return and count the thresholds that were passed since it was asked last: each once in a period."""
        marks, begun = self._marks, sums.passed
        if begun >= len(marks) or self._spent(sums) < marks[begun]:
            return ()
        with self._lock:
            begun, spent = sums.passed, self._spent(sums)
            while sums.passed < len(marks) and spent >= marks[sums.passed]:
                sums.passed += 1
            shares = self.definition.thresholds[begun : sums.passed]
            self.crossed.update(f"{share:f}" for share in shares)
            return shares

    def leave(self, asker: object) -> None:
        """Wait no more."""
        if self.waiting:
            self.waiting.pop(asker, None)

    def refusal(self, reason: Verdict, *, request: object) -> Refusal:
        """Say how the budget stands, for the one it stops."""
        with self._lock:
            self.stopped += 1
            return self.standing(self.sums(request), reason.value)

    def standing(self, sums: Sums, reason: str = "") -> Refusal:
        """How the budget stands, and why that matters now."""
        return Refusal(
            name=self.definition.name,
            limit_usd=self.definition.limit_usd,
            spent_usd=usd_of(self._spent(sums)),
            reserved_usd=usd_of(self._reserved(sums)),
            resets_at=sums.ends_at,
            reason=reason,
        )

    def ask_for(self) -> tuple[Sums, int, int]:
        """What the sidecar is asked for: sums it does not know yet, what one call needs that waits, and all headroom.

        A period that is over is only told of.
        """
        with self._lock:
            sums = self._periods.now()
            over = [old for old in self._periods.known if old is not sums and old.spent != old.reported]
            if over:
                return over[0], 0, 0
            need, self.need = self.need, 0
            lease, used = self._valid_lease(sums), sums.spent - sums.reported
            ahead = 2 * used if lease or used else self.limit // AHEAD
            ahead = min(ahead, max(0, self.limit - self._spent(sums)) // 10) if self.holds else 0
            return sums, need, sum(self.waiting.values()) + ahead

    def adopt(self, lease: Lease, sums: Sums) -> None:
        """Go by what the sidecar told of sums; of a period that it takes for over it only heard."""
        with self._lock:
            self.is_away = False
            sums.reported = lease.spent_told
            if sums.starts_s != lease.starts_s:
                return
            sums.elsewhere = lease.elsewhere()
            if sums is self._periods.now():
                self.lease = lease.after(self.lease)

    def lost(self) -> None:
        """Know that the sidecar is away; a lease holds until it runs out."""
        self.is_away = True

    @property
    def unreported(self) -> bool:
        """Whether the sidecar has something to hear."""
        return any(sums.spent != sums.reported for sums in self._periods.known)

    @property
    def in_use(self) -> bool:
        """Whether calls wait or are under way, or headroom is held that others may need."""
        sums, lease = self._periods.now(), self.lease
        held = lease is not None and lease.starts_s == sums.starts_s and lease.granted > sums.spent + sums.reserved
        return bool(self.waiting) or sums.calls > 0 or held

    @property
    def spent(self) -> int:
        """What was spent in the present period, as far as is known here."""
        return self._spent(self.sums())

    @property
    def reserved(self) -> int:
        """What calls under way have reserved, as far as is known here."""
        return self._reserved(self.sums())

    def _valid_lease(self, sums: Sums) -> Lease | None:
        lease = self.lease
        if lease is None or lease.starts_s != sums.starts_s or lease.until_s <= self._clock():
            return None
        return lease

    def _spent(self, sums: Sums) -> int:
        return sums.elsewhere + sums.spent

    def _reserved(self, sums: Sums) -> int:
        lease = self._valid_lease(sums)
        return sums.reserved + (lease.under_way_elsewhere() if lease else 0)

    def _fit(self, sums: Sums, likely: Likely, lease: Lease | None, asker: object) -> Hold | Verdict:
        spent = self._spent(sums)
        if spent >= self.limit:
            return Verdict.SPENT
        if spent + likely.sure > self.limit:
            return Verdict.SHORT
        reach = lease.granted - sums.spent if lease else self.limit - spent
        free = reach - sums.reserved
        if likely.most <= free:
            if lease is not None and sums.spent + sums.reserved + likely.most > lease.granted - free // 4:
                self._wake()
            return self._take(sums, likely.most)
        certain = lease is None or 0 < lease.refused <= likely.most
        if certain and sums.calls == 0 and free > 0 and likely.sure <= free:
            return self._take(sums, free)
        if lease is None:
            return Verdict.HELD
        return self._ask(likely.sure if certain else likely.most, likely, asker, Verdict.HELD)

    def _take(self, sums: Sums, picos: int) -> Hold:
        sums.reserved += picos
        sums.calls += 1
        return Hold(self, sums, picos)

    def _ask(self, need: int, likely: Likely, asker: object, verdict: Verdict) -> Verdict:
        self.waiting[asker] = likely.most
        self.need = max(self.need, need)
        self._wake()
        return verdict

    def _wake(self) -> None:
        if self.wake is not None:
            self.wake()
