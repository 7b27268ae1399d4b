"""The parts of the demo, up and ready: sidecar, provider, service and cost explorer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from spanmeter_rag.ledger import read_sample
from spanmeter_rag.ports import LOOPBACK, free, usual_or_free
from spanmeter_rag.processes import Child, Processes, wait_until_ready
from spanmeter_rag.screen import progress
from spanmeter_rag.surroundings import for_service, for_sidecar, plain

_SIMULATED = "Simulated: a local provider makes up these answers and latencies. Token counts and prices are real."
_SIDECAR, _GRPC, _DASHBOARD, _SERVICE, _PROVIDER = 4318, 4317, 8501, 8600, 8601


@dataclass(frozen=True, slots=True)
class Plan:
    """What to put on: where data and records go, with or without the cost explorer, usual ports or any free ones.

    The service runs with the `service_settings`, the sidecar with the `sidecar_settings`, the local provider with the
    `provider_options` of its command line.
    """

    data: Path
    record: Path
    environment: Mapping[str, str]
    dashboard: bool
    live: bool
    usual_ports: bool
    service_settings: Mapping[str, str] = field(default_factory=dict)
    sidecar_settings: Mapping[str, str] = field(default_factory=dict)
    provider_options: Sequence[str] = ()

    def url(self, usual: int) -> str:
        """Return an address for a part that usually listens there; say so when somebody else does."""
        port = usual_or_free(usual) if self.usual_ports else free()
        if self.usual_ports and port != usual:
            progress(f"  port {usual} is taken, {port} is used instead")
        return f"http://{LOOPBACK}:{port}"


@dataclass(frozen=True, slots=True)
class Stage:
    """The addresses of the parts, and the service, which has to end before the bill is final."""

    sidecar_url: str
    service_url: str
    provider_url: str | None
    dashboard_url: str | None
    service: Child

    def provider_report(self) -> dict[str, Any] | None:
        """Return what the provider itself counted; None when it is not ours."""
        if self.provider_url is None:
            return None
        report: dict[str, Any] = httpx.get(f"{self.provider_url}/usage", trust_env=False).raise_for_status().json()
        return report

    def ended_spans(self) -> int:
        """Return how many spans the service has ended."""
        exposition = httpx.get(f"{self.service_url}/metrics", trust_env=False).raise_for_status().text
        return read_sample(exposition, "rag_spans_ended_total")


def set_stage(plan: Plan, processes: Processes) -> Stage:
    """Start the parts and wait until each is ready. Raises ChildError."""
    sidecar_url, sidecar = _start_sidecar(plan, processes)
    dashboard_url, dashboard = _start_dashboard(plan, processes, sidecar_url)
    provider_url, provider = _start_provider(plan, processes)
    if provider_url and provider:
        wait_until_ready(provider, f"{provider_url}/health")
    service_url, service = _start_service(plan, processes, sidecar_url, provider_url)
    wait_until_ready(sidecar, f"{sidecar_url}/ready")
    wait_until_ready(service, f"{service_url}/ready")
    if dashboard_url and dashboard:
        wait_until_ready(dashboard, f"{dashboard_url}/_stcore/health")
    return Stage(sidecar_url, service_url, provider_url, dashboard_url, service)


def _start_sidecar(plan: Plan, processes: Processes) -> tuple[str, Child]:
    url, grpc = plan.url(_SIDECAR), plan.url(_GRPC)
    environment = for_sidecar(plan.environment, port=_port(url), grpc_port=_port(grpc), data=plan.data)
    environment |= plan.sidecar_settings
    return url, processes.start("sidecar", "spanmeter_collector", ["collector"], environment)


def _start_dashboard(plan: Plan, processes: Processes, sidecar_url: str) -> tuple[str | None, Child | None]:
    if not plan.dashboard:
        return None, None
    url = plan.url(_DASHBOARD)
    arguments = ["dashboard", "--port", str(_port(url)), "--url", sidecar_url]
    if not plan.live:
        arguments += ["--note", _SIMULATED]
    return url, processes.start("cost explorer", "spanmeter_collector", arguments, plain(plan.environment))


def _start_provider(plan: Plan, processes: Processes) -> tuple[str | None, Child | None]:
    if plan.live:
        return None, None
    url = plan.url(_PROVIDER)
    arguments = ["--port", str(_port(url)), "--record", str(plan.record), *plan.provider_options]
    return url, processes.start("local provider", "spanmeter_rag.provider", arguments, plain(plan.environment))


def _start_service(plan: Plan, processes: Processes, sidecar_url: str, provider_url: str | None) -> tuple[str, Child]:
    url = plan.url(_SERVICE)
    environment = for_service(plan.environment, port=_port(url), sidecar_url=sidecar_url, provider_url=provider_url)
    environment |= plan.service_settings
    return url, processes.start("RAG service", "spanmeter_rag", [], environment)


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])
