"""Whether what was asked and answered may be written down: off unless the operator switches it on."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Final

VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""OpenTelemetry's own switch for its GenAI instrumentations."""
_ON_SPANS: Final = frozenset({"span_only", "span_and_event", "true"})
_ELSEWHERE: Final = frozenset({"event_only"})
_OFF: Final = frozenset({"", "no_content", "false"})

_log: Final = logging.getLogger("spanmeter")


def may_show_content(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether texts may stand where people read them, such as in debugging output: for any value but an off one.

    What is no value at all is off, and said.
    """
    value = environment.get(VARIABLE, "").strip().lower()
    if value in _ON_SPANS | _ELSEWHERE:
        return True
    if value not in _OFF:
        allowed = "NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT, true or false"
        _log.warning("%s is %r; it must be %s. No content is captured", VARIABLE, environment[VARIABLE], allowed)
    return False
