"""Start the service: `python -m spanmeter_rag`."""

from __future__ import annotations

import gc
import os
import signal
import sys

import uvicorn

import spanmeter
from spanmeter_rag.logs import configure_logs
from spanmeter_rag.requests import Requests
from spanmeter_rag.service import create_app
from spanmeter_rag.settings import Settings, SettingsError
from spanmeter_rag.spans import count_ended_spans


def main() -> int:
    """Serve until interrupted or terminated; both end the process in order, so that the last spans are sent."""
    try:
        settings = Settings.read(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"spanmeter_rag: {error}\n")
        return 2
    configure_logs(settings.logs)
    gc.freeze()  # what is imported stays; looking through it again takes seconds of every stop
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    spanmeter.instrument(service_name="python-reference-rag")
    requests = Requests()
    count_ended_spans(requests.registry)
    app = create_app(settings, requests)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        log_level="warning",
        ws="none",
        timeout_graceful_shutdown=10,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
