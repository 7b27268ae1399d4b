"""The shapes of the API's answer about losses.

Money is a decimal string without exponent, unknown is null, times are RFC 3339 in UTC.
"""

from __future__ import annotations

from spanmeter_collector.answers import Answer


class LossFigures(Answer):
    """Answered and failed calls, input and output tokens, and US dollars as far as prices are known."""

    calls: int
    failed_calls: int
    tokens: int
    usd: str


class LossAnswer(Answer):
    """One process: what it counted itself (told), what of that its sampler left out, and what arrived.

    `missing` and `surplus` are the differences, never negative. `reason` says why calls are missing: queue_full,
    spool_full, no_spool, refused, too_old or fault as the process tells, several of these, waiting in the process, or
    unknown; empty where none are. `started` is by the clock of the process, `last_heard` by the sidecar's. `starts` is
    above 1 where processes follow each other, or share an id.
    """

    service: str
    instance: str
    started: str
    starts: int
    last_heard: str
    told: LossFigures
    unsampled: LossFigures
    arrived: LossFigures
    missing: LossFigures
    surplus: LossFigures
    reason: str
    dropped_spans: dict[str, int]
    waiting_spans: int
    priced_differently: bool


class LossesAnswer(Answer):
    """The processes heard of in a period, those that miss most first, and the sums over all of them.

    Compared is what they told until `settled_until`. `not_covered` counts, by service, the calls of the period that no
    process counts itself, or whose process never told.
    """

    rows: list[LossAnswer]
    told: LossFigures
    unsampled: LossFigures
    arrived: LossFigures
    missing: LossFigures
    surplus: LossFigures
    processes: int
    processes_missing: int
    not_covered: dict[str, int]
    since: str
    until: str
    settled_until: str
    truncated: bool
