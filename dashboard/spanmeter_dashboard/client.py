"""The sidecar's HTTP API as calls that return values or raise a sentence."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

import httpx

from spanmeter_dashboard import answers, reading, saving
from spanmeter_dashboard.budget import Budget
from spanmeter_dashboard.caches import CacheUse, PromptCacheUse
from spanmeter_dashboard.settings import Settings
from spanmeter_dashboard.window import Window

Filters = tuple[tuple[str, str], ...]
"""Pairs of dimension and value; several values of one dimension mean any of them."""
Order = Literal["time", "cost", "duration"]
MOST_ROWS = 10_000
_SHORT_S = 10.0
_LONG_S = 180.0


class SidecarError(Exception):
    """The question got no answer; the message is a sentence for the reader."""


class UnreachableError(SidecarError):
    """Nothing answers at the sidecar's address."""


class NotFoundError(SidecarError):
    """The sidecar answers, but does not have what was asked for."""


class Client:
    """Asks one sidecar; safe to share between sessions, as httpx clients are.

    Over https it trusts the authorities of the machine, or those that SSL_CERT_FILE names.
    """

    def __init__(self, settings: Settings, *, timeout_s: float = _SHORT_S) -> None:
        headers = {"authorization": f"Bearer {settings.token}"} if settings.token else {}
        self.url = settings.url
        self._timeout_s = timeout_s
        trusted = ssl.create_default_context() if settings.url.startswith("https:") else True
        self._http = httpx.Client(
            base_url=settings.url, headers=headers, timeout=timeout_s, trust_env=False, verify=trusted
        )

    def close(self) -> None:
        """Close the kept connections."""
        self._http.close()

    def reachable(self) -> bool:
        """Whether a server answers at the address, ready or not."""
        try:
            self._http.get("/health")
        except httpx.TransportError:
            return False
        return True

    def ailments(self) -> dict[str, str]:
        """What of the sidecar is not well, with the reason by component; empty where all is."""
        return _ailments(self._asked("/health", []))

    def cost(self, window: Window, *, group_by: Sequence[str] = (), filters: Filters = ()) -> answers.Cost:
        """Sums over charges, in all and by group."""
        return reading.cost(self._get("/api/v1/cost", _question(window, group_by, filters)), group_by)

    def latency(self, window: Window, *, group_by: Sequence[str] = (), filters: Filters = ()) -> answers.LatencyTable:
        """Percentiles of span durations, in all and by group."""
        return reading.latency(self._get("/api/v1/latency", _question(window, group_by, filters)), group_by)

    def losses(self, window: Window) -> answers.Losses:
        """What applications counted themselves in a period and the ledger lacks."""
        return reading.losses(self._get("/api/v1/losses", _times(window)))

    def budgets(self) -> tuple[Budget, ...]:
        """Every budget and how it stands now."""
        return tuple(map(Budget.of, self._get("/api/v1/budgets", [])["rows"]))

    def savings(
        self, window: Window, *, terms: Sequence[tuple[str, str]] = (), filters: Filters = ()
    ) -> saving.Savings:
        """What proposals would have saved in a period, on some terms such as `("swap", "gpt-4o=gpt-4o-mini")`."""
        asked = [*_times(window), *terms, *filters]
        return saving.Savings.of(self._get("/api/v1/savings", asked, timeout_s=_LONG_S))

    def caches(self, window: Window) -> tuple[CacheUse, ...]:
        """What applications' caches answered and saved, the most saving first, and their sum last; empty for none."""
        told = self._get("/api/v1/caches", _question(window, ("cache",), ()))
        rows = tuple(CacheUse.of(row, row["cache"]) for row in told["rows"])
        return (*rows, CacheUse.of(told["total"], "All")) if rows else ()

    def prompt_caching(self, window: Window) -> tuple[PromptCacheUse, ...]:
        """How the prompt caches of providers were used, by model, and their sum last; empty for none."""
        told = self._get("/api/v1/prompt-caching", _question(window, ("provider", "model"), ()))
        rows = tuple(map(PromptCacheUse.of, told["rows"]))
        return (*rows, PromptCacheUse.of(told["total"], model="All")) if rows else ()

    def traces(  # noqa: PLR0913 - the parameters of the route
        self,
        window: Window,
        *,
        order: Order = "time",
        errors_only: bool = False,
        filters: Filters = (),
        limit: int = 50,
        offset: int = 0,
    ) -> answers.TraceList:
        """One page of traces, the latest, dearest or slowest first."""
        page = [("order", order), ("limit", str(limit)), ("offset", str(offset))]
        errors = [("errors", "true")] if errors_only else []
        return reading.traces(self._get("/api/v1/traces", [*_times(window), *filters, *page, *errors]))

    def trace(self, trace_id: str) -> answers.Trace:
        """One trace with its steps and charges.

        Raises:
            NotFoundError: no such trace, or no trace id.
        """
        return reading.trace(self._get(f"/api/v1/traces/{quote(trace_id, safe='')}", []))

    def _get(self, path: str, parameters: Sequence[tuple[str, str]], *, timeout_s: float = _SHORT_S) -> Any:  # noqa: ANN401 - JSON
        response = self._asked(path, parameters, timeout_s=timeout_s)
        if response.status_code != httpx.codes.OK:
            raise _refusal(response)
        return response.json()

    def _asked(
        self, path: str, parameters: Sequence[tuple[str, str]], *, timeout_s: float = _SHORT_S
    ) -> httpx.Response:
        timeout = max(timeout_s, self._timeout_s) if timeout_s > _SHORT_S else self._timeout_s
        try:
            return self._http.get(path, params=httpx.QueryParams(tuple(parameters)), timeout=timeout)
        except httpx.TimeoutException as error:
            raise SidecarError(f"The sidecar at {self.url} did not answer within {timeout:.0f} s.") from error
        except httpx.TransportError as error:
            raise UnreachableError(f"No sidecar answers at {self.url}.") from error


def _question(window: Window, group_by: Sequence[str], filters: Filters) -> list[tuple[str, str]]:
    grouping = [("group_by", ",".join(group_by)), ("limit", str(MOST_ROWS))] if group_by else []
    return [*_times(window), *grouping, *filters]


def _times(window: Window) -> list[tuple[str, str]]:
    return [("since", _rfc3339(window.since)), ("until", _rfc3339(window.until))]


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _refusal(response: httpx.Response) -> SidecarError:
    if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return SidecarError("The sidecar asks for a token. Start the dashboard with SPANMETER_QUERY_TOKEN set to it.")
    reason = _sentence(response)
    missing = response.status_code in {httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST}
    if missing and "/traces/" in response.request.url.path:
        return NotFoundError(reason)
    return SidecarError(f"The sidecar refused the question ({response.status_code}): {reason}")


def _ailments(response: httpx.Response) -> dict[str, str]:
    """Empty as well where a proxy in front of the sidecar answers in its place."""
    try:
        components = response.json()["components"].items()
        return {name: one["reason"] for name, one in components if one["status"] in {"degraded", "failed"}}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _sentence(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
