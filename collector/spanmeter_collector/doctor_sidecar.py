"""What `spanmeter doctor` asks the sidecar itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from spanmeter import version
from spanmeter_collector import sidecar
from spanmeter_collector.sidecar import AbsentError, BrokenOffError, SidecarError

CHECK: Final = "sidecar"
STORED_WITHIN_S: Final = 20.0
_PATH: Final = "/v1/traces"
_OK: Final = "ok"
_TOLD: Final = frozenset({_OK, "degraded", "failed"})
_BY_ITSELF: Final = "spans are refused until the reason is dealt with; applications keep theirs on disk meanwhile"
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
        health, ready = sidecar.probe(base, "/health"), sidecar.probe(base, "/ready")
    except AbsentError as error:
        if base != own:  # of their own place applications' requests have told
            yield _finding("problem", str(error), "name the sidecar's address behind --url")
        return
    except BrokenOffError:
        advice = "see the log of what listens there; restart it where it does not recover"
        yield _finding("problem", f"{base} listens and does not say how it is", advice)
        return
    except SidecarError:
        health, ready = {}, {}
    components, checks = health.get("components"), ready.get("checks")
    if health.get("status") not in _TOLD or not (isinstance(components, dict) and isinstance(checks, dict)):
        text = f"{base} is no Spanmeter sidecar"
        yield _finding("warning", text, "fine if it passes spans on to one; else set OTEL_EXPORTER_OTLP_ENDPOINT")
        return
    yield from _standing(base, components, checks)
    yield from _about(base)
    if sent and base == own:
        yield _stored(base, sent)


def _standing(base: str, components: Mapping[str, Mapping[str, str]], checks: Mapping[str, str]) -> Iterator[Finding]:
    """What of the sidecar is not well, the parts that it cannot work without first."""
    if all(reason == _OK for reason in checks.values()):
        yield _finding("ok", f"{base} is ready")
    for part in sorted(components, key=lambda part: part not in checks):
        status, reason = components[part]["status"], components[part]["reason"]
        if status == "failed":
            yield _finding("problem", f"{part} of {base} has failed: {reason}", "restart the sidecar; its log says why")
        elif status == "degraded":
            text = f"{part} of {base} is degraded: {reason}"
            yield _finding(*(("problem", text, _BY_ITSELF) if part in checks else ("warning", text, "")))


def _about(base: str) -> Iterator[Finding]:
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
