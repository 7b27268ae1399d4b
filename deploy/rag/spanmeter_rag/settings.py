"""What the service is told from outside, read once at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """A variable of the environment has a value that cannot be used; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class Models:
    """The model of each way of answering, and the one that embeds."""

    chain: str = "gpt-4o-mini"
    engine: str = "gpt-4.1-mini"
    mixture: str = "gpt-4o"
    agent: str = "gpt-5-mini"
    embedding: str = "text-embedding-3-small"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to listen, which provider to ask, and how long to wait for one attempt."""

    host: str = "127.0.0.1"
    port: int = 8600
    provider_url: str = "http://127.0.0.1:8601/v1"
    api_key: str = "local"
    timeout_s: float = 30.0
    models: Models = Models()

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Read RAG_LISTEN, RAG_TIMEOUT_S, OPENAI_BASE_URL and OPENAI_API_KEY. Raises SettingsError."""
        usual = cls()
        host, port = _address(environment.get("RAG_LISTEN", f"{usual.host}:{usual.port}"))
        return cls(
            host=host,
            port=port,
            provider_url=_url(environment.get("OPENAI_BASE_URL", usual.provider_url)),
            api_key=environment.get("OPENAI_API_KEY", usual.api_key),
            timeout_s=_seconds(environment.get("RAG_TIMEOUT_S", str(usual.timeout_s))),
        )


def _address(value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"RAG_LISTEN is {value!r}; it must be host:port, such as 127.0.0.1:8600")
    return host, int(port)


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise SettingsError(f"OPENAI_BASE_URL is {value!r}; it must be an http or https address ending in /v1")
    return value


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 600:
        raise SettingsError(f"RAG_TIMEOUT_S is {value!r}; it must be a number of seconds above 0 and up to 600")
    return seconds
