"""Logs: structlog's lines and those of every library in the shape of `spanmeter.configure_logging`."""

from __future__ import annotations

import structlog

import spanmeter
from spanmeter.logs import Logs, Mode


def configure_logs(mode: Mode = "production") -> Logs:
    """Send everything to standard error; what is bound to a logger or given with an event stands on its line."""
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.stdlib.render_to_log_kwargs],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return spanmeter.configure_logging(mode, replace_handlers=True)
