"""What `spanmeter doctor` asks the sidecar itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from spanmeter import version
from spanmeter_collector import sidecar
from spanmeter_collector.sidecar import SidecarError

CHECK: Final = "sidecar"
STORED_WITHIN_S: Final = 20.0
_PATH: Final = "/v1/traces"
Finding = dict[str, str]


def ask_sidecar(destination: str, *, url: str, sent: str) -> Iterator[Finding]:
    """Whether a sidecar of this version answers, is ready, takes our questions and has stored the trace `sent`.

    `destination` is where applications send spans, `url` the sidecar the user named, if any.
    """
    own = destination.removesuffix(_PATH)
    base = url.rstrip("/") or own
    if base != own:
        text = f"applications in this environment send to {own}, not to {base}"
        yield _finding("warning", text, f"set OTEL_EXPORTER_OTLP_ENDPOINT={base} for them")
    try:
        healthy = sidecar.ask(base, "/health").get("status") in {"ok", "degraded"}
    except SidecarError:
        healthy = False
    if not healthy:
        text = f"{base} is no Spanmeter sidecar"
        yield _finding("warning", text, "fine if it passes spans on to one; else set OTEL_EXPORTER_OTLP_ENDPOINT")
        return
    yield from _about(base)
    if sent and base == own:
        yield _stored(base, sent)


def _about(base: str) -> Iterator[Finding]:
    try:
        sidecar.ask(base, "/ready")
        yield _finding("ok", f"{base} is ready")
    except SidecarError as error:
        yield _finding("problem", f"{base} is not ready: {error}", f"see {base}/ready and the sidecar's log")
    try:
        theirs = sidecar.ask(base, "/api/v1/openapi.json")["info"]["version"]
        sidecar.ask(base, "/api/v1/cost", [("since", "1m"), ("limit", "1")])
    except (SidecarError, KeyError, TypeError) as error:
        yield _finding("problem", f"{base} does not answer questions", str(error))
        return
    if theirs == version.__version__:
        yield _finding("ok", f"{base} is of this version, {theirs}, and answers questions")
    else:
        text = f"{base} is of version {theirs}, this environment of {version.__version__}"
        yield _finding("warning", text, "give both the same version")


def _stored(base: str, trace_id: str, *, clock: Callable[[], float] = time.monotonic) -> Finding:
    """The finding of a sent trace; what is received is stored within two seconds, on a busy machine later."""
    deadline = clock() + STORED_WITHIN_S
    while True:
        try:
            spans: list[Any] = sidecar.ask(base, f"/api/v1/traces/{trace_id}")["spans"]
            return _finding("ok", f"the span that was sent is stored: spanmeter trace {trace_id} ({len(spans)} span)")
        except SidecarError as error:
            if clock() > deadline:
                text = f"the span that was sent is not stored after {STORED_WITHIN_S:.0f} s: {error}"
                return _finding("problem", text, "see the sidecar's log")
        time.sleep(0.1)


def _finding(level: str, text: str, advice: str = "") -> Finding:
    return {"check": CHECK, "level": level, "text": text, "advice": advice}
