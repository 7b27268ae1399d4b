"""A double: a call that two sidecars of one ClickHouse server put into the ledger, or took out of it, at one time.

Each looks into the ledger before it writes, but their locks are their own, so both may have looked before either
wrote. What the ledger has to say of the call follows from its entries alone: one bill stands, the latest that is not
taken back, or none where no call is left.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

from spanmeter_collector.charge import Charge, reversal

_Said = tuple[Hashable, ...]
"""What an entry charges or takes back."""


def corrections(entries: Sequence[Charge], *, recorded_at: int) -> list[Charge]:
    """The entries that bring all those of one call to one bill or to none; nothing where that is what they come to."""
    meant = {_said(charge): charge for charge in map(_charged, entries)}
    nets = _nets(entries)
    calls = sum(net for said, net in nets.items() if meant[said].component == "call")
    if calls in {0, 1} and min(nets.values()) >= 0:
        return []
    wanted = _bill(entries, nets) if calls > 0 else Counter[_Said]()
    nets.subtract(wanted)
    too_many = [reversal(meant[said], recorded_at=recorded_at) for said in nets.elements()]
    too_few = [meant[said]._replace(recorded_at=recorded_at) for said in (-nets).elements()]
    return too_many + too_few


def is_sent_twice(entries: Iterable[Charge]) -> bool:
    """Whether these entries of one call are what comes of its span alone, taken in by several sidecars."""
    made = [entry.entry for entry in entries if entry.component == "call"]
    return len(made) > 1 and set(made) == {"charge"}


def _charged(entry: Charge) -> Charge:
    """The charge that an entry makes or takes back."""
    if entry.entry == "charge":
        return entry
    return reversal(entry, recorded_at=entry.recorded_at)._replace(entry="charge")


def _said(charge: Charge) -> _Said:
    return (*charge._replace(recorded_at=0)[:-1], frozenset(charge.tags.items()))


def _nets(entries: Iterable[Charge]) -> Counter[_Said]:
    """How often each stands in the ledger; below zero where it was taken back too often."""
    nets = Counter[_Said]()
    for entry in entries:
        nets[_said(_charged(entry))] += 1 if entry.entry == "charge" else -1
    return nets


def _bill(entries: Iterable[Charge], nets: Counter[_Said]) -> Counter[_Said]:
    """The latest bill of which something stands, as one sidecar alone would have written it."""
    bills: defaultdict[tuple[int, str, str], list[Charge]] = defaultdict(list)
    for entry in entries:
        if entry.entry == "charge" and nets[_said(entry)] > 0:
            bills[entry.recorded_at, entry.price_version, entry.grade].append(entry)
    latest = max(known for known, bill in bills.items() if any(entry.component == "call" for entry in bill))
    copies = sum(entry.component == "call" for entry in bills[latest])
    return Counter({said: times // copies for said, times in Counter(map(_said, bills[latest])).items()})
