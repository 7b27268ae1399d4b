"""Whether what was asked and answered may be written down, and how much of it: nothing unless the operator says so."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Mapping
from typing import Final

VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""OpenTelemetry's own switch for its GenAI instrumentations."""
LIMIT_VARIABLE: Final = "SPANMETER_CONTENT_LIMIT"
"""How many characters of content an attribute may have."""
USUAL_LIMIT: Final = 65_536
LEAST_LIMIT: Final = 256
MOST_LIMIT: Final = 1_000_000
"""The sidecar cuts values that are longer than 1,048,576 characters."""
_ON_SPANS: Final = frozenset({"span_only", "span_and_event", "true"})
_ELSEWHERE: Final = frozenset({"event_only"})
_ON_EVENTS: Final = frozenset({"span_and_event", "event_only"})
_OFF: Final = frozenset({"", "no_content", "false"})

_log: Final = logging.getLogger("spanmeter")


@functools.cache
def captures_content() -> bool:
    """Tell whether this process writes what was asked and answered on spans; read from the environment once.

    `SPAN_AND_EVENT` writes spans alone, for no events are emitted; with `EVENT_ONLY` nothing is written, and said.
    """
    value = _value(os.environ)
    if value in _ON_EVENTS:
        instead = "no content is captured. SPAN_ONLY writes it" if value in _ELSEWHERE else "content is written"
        _log.warning("%s is %r, and no events are emitted: %s on spans", VARIABLE, os.environ[VARIABLE], instead)
    return value in _ON_SPANS


@functools.cache
def content_limit() -> int:
    """How many characters of content an attribute may have in this process; read from the environment once."""
    told = os.environ.get(LIMIT_VARIABLE, "").strip()
    if not told:
        return USUAL_LIMIT
    if told.isascii() and told.isdecimal() and LEAST_LIMIT <= int(told) <= MOST_LIMIT:
        return int(told)
    said = "%s is %r; it must be a whole number from %d to %d. %d holds"
    _log.warning(said, LIMIT_VARIABLE, told, LEAST_LIMIT, MOST_LIMIT, USUAL_LIMIT)
    return USUAL_LIMIT


def may_show_content(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether texts may stand where people read them, such as in debugging output: for any value but an off one.

    What is no value at all is off, and said.
    """
    return _value(environment) not in _OFF


def _value(environment: Mapping[str, str]) -> str:
    given = environment.get(VARIABLE, "")
    value = given.strip().lower()
    if value in _ON_SPANS | _ELSEWHERE | _OFF:
        return value
    _complain(given)
    return ""


@functools.lru_cache(maxsize=16)
def _complain(value: str) -> None:
    allowed = "NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT, true or false"
    _log.warning("%s is %r; it must be %s. No content is captured", VARIABLE, value, allowed)
