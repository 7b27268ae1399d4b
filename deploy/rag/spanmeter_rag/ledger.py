"""What the sidecar knows about this run, asked over its HTTP API."""

from __future__ import annotations

import time
from typing import Any

import httpx

_PAUSE_S = 0.25


class Ledger:
    """Reads the sidecar's API for everything since a point in time (RFC 3339)."""

    def __init__(self, url: str, *, since: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self._since = since

    def cost(self, group_by: str = "") -> dict[str, Any]:
        """Return the answer of `/api/v1/cost`."""
        return self._get("/api/v1/cost", group_by=group_by)

    def answered_traces(self) -> int:
        """Return how many traces there are of answered questions, the building of indexes aside."""
        return int(self._get("/api/v1/traces", feature="answer", limit="1")["total"])

    def stored_spans(self) -> int:
        """Return how many spans the sidecar has stored since it started."""
        exposition = self._client.get("/metrics").raise_for_status().text
        return read_sample(exposition, "spanmeter_collector_stored_spans_total")

    def settle(self, *, spans: int, patience_s: float) -> None:
        """Wait until so many spans are stored, and no longer than the patience lasts."""
        deadline = time.monotonic() + patience_s
        while self.stored_spans() < spans and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _get(self, path: str, **query: str) -> dict[str, Any]:
        asked = {name: value for name, value in query.items() if value}
        response = self._client.get(path, params={"since": self._since, **asked})
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


def read_sample(exposition: str, name: str) -> int:
    """Return the sum of the samples of that name in Prometheus' text format, 0 when there is none."""
    samples = (line for line in exposition.splitlines() if line.startswith((f"{name} ", f"{name}{{")))
    return round(sum(float(line.rsplit(" ", 1)[1]) for line in samples))
