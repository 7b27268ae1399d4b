"""The environment variables each part of the demo runs with, whatever those of the shell are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spanmeter.capture import may_show_content

_OTHERS_SETTINGS = ("OTEL_", "SPANMETER_", "LANGCHAIN_", "LANGSMITH_", "OPENAI_", "RAG_")
_CONTENT = frozenset(
    {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPANMETER_CONTENT", "SPANMETER_CONTENT_LIMIT"}
)
"""Switches of the shell that hold here too: whether prompts and answers are sent, and whether they are stored."""
_CAPTURED, _STORED = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true", "SPANMETER_CONTENT=on"
_DIRECT = "127.0.0.1,localhost"


def plain(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those that would point a part elsewhere; loopback is reached without a proxy."""
    kept = {
        name: value for name, value in environment.items() if not name.startswith(_OTHERS_SETTINGS) or name in _CONTENT
    }
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(part for part in (environment.get(name), _DIRECT) if part)
    return kept


def for_sidecar(environment: Mapping[str, str], *, port: int, grpc_port: int, data: Path) -> dict[str, str]:
    """Return what the sidecar runs with."""
    return plain(environment) | {
        "SPANMETER_LISTEN": f"127.0.0.1:{port}",
        "SPANMETER_GRPC_LISTEN": f"127.0.0.1:{grpc_port}",
        "SPANMETER_DATA_DIR": str(data),
    }


def for_service(
    environment: Mapping[str, str], *, port: int, sidecar_url: str, provider_url: str | None
) -> dict[str, str]:
    """Return what the service runs with; without a provider's address it is OpenAI, with the key of the shell."""
    openai = {name: value for name, value in environment.items() if name in {"OPENAI_API_KEY", "OPENAI_BASE_URL"}}
    live = {"OPENAI_BASE_URL": "https://api.openai.com/v1"} | openai
    local = {"OPENAI_BASE_URL": f"{provider_url}/v1", "OPENAI_API_KEY": "local"}
    return (
        plain(environment)
        | (live if provider_url is None else local)
        | {
            "RAG_LISTEN": f"127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": sidecar_url,
            "OTEL_BSP_SCHEDULE_DELAY": "1000",
        }
    )


def missing_for_content(environment: Mapping[str, str]) -> str:
    """Return what has to be set so that traces show prompts and answers; "" where nothing is missing."""
    is_stored = environment.get("SPANMETER_CONTENT") == "on"
    switches = ((_CAPTURED, may_show_content(environment)), (_STORED, is_stored))
    return " ".join(setting for setting, is_on in switches if not is_on)


def data_directory(environment: Mapping[str, str]) -> Path:
    """Return where the demo keeps its data between runs: apart from the sidecar's own, because it is simulated."""
    if chosen := environment.get("SPANMETER_DATA_DIR"):
        return Path(chosen)
    home = environment.get("XDG_DATA_HOME") or Path(environment.get("HOME", "~")).expanduser() / ".local" / "share"
    return Path(home) / "spanmeter-demo"
