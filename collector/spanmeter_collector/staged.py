"""Staged spans: what Python knows of a batch that the engine has read, in columns, for a batch has many spans."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spanmeter_collector.reading import Reading
from spanmeter_collector.row import Row, SpanKey

SPAN: Final = np.dtype(
    [
        ("ids", "<u8", 3),
        *((name, "?") for name in ("telling", "measured", "counted", "has_tenant")),
        *(("start", "<i8"), ("end", "<i8"), ("shape", "<u8")),
    ]
)
"""One row of `sql/staged_keys.sql`. The ids are those of trace and span, as they stand."""
_TRACE_BYTES: Final = 16
_KEY_BYTES: Final = 24
Mask = NDArray[np.bool_]
Numbers = NDArray[np.uint64]


def mixed(ids: Numbers) -> Numbers:
    """A hash of each row of ids that is alike in all its bits; another one in each process."""
    each = (ids ^ (ids >> np.uint64(32))) * _FACTORS[
        : ids.shape[1]
    ]  # ids that count up differ in their last bytes alone
    found: Numbers = (each ^ (each >> np.uint64(29))).sum(axis=1, dtype="<u8")
    found *= _FACTORS[-1]
    found ^= found >> np.uint64(32)
    found *= _FACTORS[-1]
    found ^= found >> np.uint64(29)
    return found


_FACTORS: Final = np.array([secrets.randbits(64) | 1 for _ in range(4)], "<u8")


class Extents(NamedTuple):
    """Spans in columns: ids of trace and span as three numbers each, and nanoseconds since 1970 of start and end."""

    ids: Numbers
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, keys: Collection[SpanKey], starts: Sequence[int], ends: Sequence[int]) -> Extents:
        """The same of spans one by one."""
        ids = np.frombuffer(b"".join([part for key in keys for part in key]), "<u8").reshape(-1, 3)
        return cls(ids, np.array(starts, "<i8"), np.array(ends, "<i8"))

    def together(self, other: Extents) -> Extents:
        """These spans and others."""
        return Extents(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True)
class Staged:
    """A batch of spans that the engine has read, in their order.

    `spans` are rows of `SPAN`: who is `telling` is left to Python. `billed` are the calls that the engine can bill.
    `measured` are, by number, the others that tell of calls or of anything counted; the engine has the rest of their
    rows.
    """

    spans: NDArray[Any]
    billed: Mask
    measured: Mapping[int, tuple[Row, Reading]]

    def __len__(self) -> int:
        return len(self.spans)

    def key(self, number: int) -> SpanKey:
        """Trace id and span id of a span."""
        both = self.spans["ids"][number].tobytes()
        return both[:_TRACE_BYTES], both[_TRACE_BYTES:]

    def extents(self, which: Mask) -> Extents:
        """Ids and times of some spans."""
        spans = self.spans[which]
        return Extents(spans["ids"], spans["start"], spans["end"])

    def repeated(self) -> Mask:
        """The spans whose ids another one of the batch has as well; by a hash, so one in many millions may be alone."""
        found = mixed(self.spans["ids"])
        order = np.argsort(found)
        again = found[order][1:] == found[order][:-1]
        mask = np.zeros(len(found), bool)
        mask[order[1:][again]] = mask[order[:-1][again]] = True
        return mask

    def of_traces(self, trace_ids: Collection[bytes]) -> Mask:
        """The spans of these traces."""
        mask = np.zeros(len(self.spans), bool)
        if trace_ids:
            wanted = np.frombuffer(b"".join(trace_ids), "<u8")[::2]
            near = np.flatnonzero(np.isin(self.spans["ids"][:, 0], wanted)).tolist()
            mask[[number for number in near if self.key(number)[0] in trace_ids]] = True
        return mask

    def of_keys(self, keys: Collection[SpanKey]) -> Mask:
        """The spans with these ids."""
        mask = self.of_traces({trace_id for trace_id, _ in keys})
        mask[[number for number in np.flatnonzero(mask).tolist() if self.key(number) not in keys]] = False
        return mask


@dataclass(frozen=True, slots=True)
class Billing:
    """The staged calls of these `numbers`, with their `ids` one after the other, as the engine is to bill them."""

    numbers: bytes
    ids: bytes
    recorded_at: int
    version: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Of a staged batch, what is to be stored: the spans with these `ids`, all but those numbered in `left_out`.

    `measured` are rows by number, of which the numbers from `input_tokens` to `first_chunk_ns` are stored.
    """

    ids: bytes
    left_out: Collection[int] = ()
    measured: Mapping[int, Row] = field(default_factory=dict)
    billing: Billing | None = None

    def __len__(self) -> int:
        return len(self.ids) // _KEY_BYTES

    @property
    def calls(self) -> int:
        """How many calls the engine bills."""
        return len(self.billing.ids) // _KEY_BYTES if self.billing else 0
