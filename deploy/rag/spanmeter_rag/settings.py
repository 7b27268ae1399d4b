"""What the service is told from outside, read once at the start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, NamedTuple, get_args
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """A variable of the environment has a value that cannot be used; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class Models:
    """The model of each way of answering, those asked when it fails, the one that routes and the one that embeds.

    Of the `fallbacks` the first other model is asked. Without a `router` nothing is routed.
    """

    chain: str = "gpt-4o-mini"
    engine: str = "gpt-4.1-mini"
    mixture: str = "gpt-4o"
    agent: str = "gpt-5-mini"
    embedding: str = "text-embedding-3-small"
    fallbacks: tuple[str, ...] = ("gpt-4o-mini", "gpt-4.1-mini")
    router: str = ""


@dataclass(frozen=True, slots=True)
class Resilience:
    """How long and how often the provider is asked, and what happens when it does not answer.

    One attempt takes at most `timeout_s`; there are at most `attempts` within `patience_s`, with pauses of at most
    `longest_wait_s`. After `breaker_failures` failures in a row (0: never) a model is not asked for `breaker_open_s`.
    With `degraded` a question that no model answers gets the passages that fit, else an error.
    """

    timeout_s: float = 30.0
    attempts: int = 6
    longest_wait_s: float = 20.0
    patience_s: float = 120.0
    breaker_failures: int = 10
    breaker_open_s: float = 10.0
    degraded: bool = True


@dataclass(frozen=True, slots=True)
class Retrieval:
    """How much is searched and how much of it a model reads.

    Each section gives its best `top_k_each` passages, of all of them the best `top_k` are kept, as far as they fit into
    `context_tokens`. Sections are searched at once when `parallel`, and embedded `embed_batch` passages a request.
    """

    top_k: int = 4
    top_k_each: int = 3
    context_tokens: int = 4000
    parallel: bool = True
    embed_batch: int = 128


CACHES: Final = ("answers", "models", "vectors")


@dataclass(frozen=True, slots=True)
class Caching:
    """Which of the `CACHES` are on, how long an entry holds, and the directory that keeps them, "" for none."""

    caches: tuple[str, ...] = ()
    ttl_s: float = 3600.0
    directory: str = ""


Period = Literal["day", "week", "month", "total"]
Action = Literal["stop", "warn", "downgrade"]


@dataclass(frozen=True, slots=True)
class Spending:
    """What answers may cost in a period, in US dollars, None for whatever it takes; and the longest answer."""

    limit_usd: Decimal | None = None
    period: Period = "day"
    action: Action = "stop"
    answer_tokens: int = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to listen, which provider to ask and how, and how to log."""

    host: str = "127.0.0.1"
    port: int = 8600
    provider_url: str = "http://127.0.0.1:8601/v1"
    api_key: str = "local"
    logs: Literal["production", "debug"] = "production"
    models: Models = Models()
    resilience: Resilience = Resilience()
    retrieval: Retrieval = Retrieval()
    caching: Caching = Caching()
    spending: Spending = Spending()

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Read RAG_LISTEN, OPENAI_API_KEY and the variables of `VARIABLES`. Raises SettingsError."""
        usual = cls()
        host, port = _address(environment.get("RAG_LISTEN", f"{usual.host}:{usual.port}"))
        given: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for variable, each in VARIABLES.items():
            if variable in environment:
                given[each.group][each.field] = each.read(variable, environment[variable])
        return cls(
            host=host,
            port=port,
            api_key=environment.get("OPENAI_API_KEY", usual.api_key),
            models=replace(usual.models, **given["models"]),
            resilience=replace(usual.resilience, **given["resilience"]),
            retrieval=replace(usual.retrieval, **given["retrieval"]),
            caching=replace(usual.caching, **given["caching"]),
            spending=replace(usual.spending, **given["spending"]),
            **given[""],
        )


Read = Callable[[str, str], Any]


class Variable(NamedTuple):
    """Which field of which group of the settings a variable sets, and what reads its value."""

    group: str
    field: str
    read: Read


def _whole(lowest: int, highest: int) -> Read:
    def read(variable: str, value: str) -> int:
        if not value.isdecimal() or not lowest <= int(value) <= highest:
            raise SettingsError(f"{variable} is {value!r}; it must be a whole number from {lowest} to {highest}")
        return int(value)

    return read


def _seconds(highest: int) -> Read:
    def read(variable: str, value: str) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= highest:
            raise SettingsError(f"{variable} is {value!r}; it must be a number of seconds above 0 and up to {highest}")
        return seconds

    return read


def _usd(variable: str, value: str) -> Decimal:
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal(0)
    if not 0 < amount < Decimal("1e9"):
        raise SettingsError(f"{variable} is {value!r}; it must be an amount of US dollars above 0, such as 2.50")
    return amount


def _one_of(**values: Any) -> Read:  # noqa: ANN401
    def read(variable: str, value: str) -> Any:  # noqa: ANN401
        if value not in values:
            raise SettingsError(f"{variable} is {value!r}; it must be {' or '.join(values)}")
        return values[value]

    return read


def _names(variable: str, value: str) -> tuple[str, ...]:  # noqa: ARG001  as the others
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _caches(variable: str, value: str) -> tuple[str, ...]:
    names = _names(variable, value)
    if not set(CACHES) >= set(names):
        raise SettingsError(f"{variable} is {value!r}; it must be some of {', '.join(CACHES)}, with commas between")
    return names


def _name(variable: str, value: str) -> str:  # noqa: ARG001  as the others
    return value.strip()


def _url(variable: str, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise SettingsError(f"{variable} is {value!r}; it must be an http or https address ending in /v1")
    return value


def _address(value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"RAG_LISTEN is {value!r}; it must be host:port, such as 127.0.0.1:8600")
    return host, int(port)


_SWITCH: Final = _one_of(on=True, off=False)
VARIABLES: Final[Mapping[str, Variable]] = {
    "OPENAI_BASE_URL": Variable("", "provider_url", _url),
    "RAG_LOGS": Variable("", "logs", _one_of(production="production", debug="debug")),
    "RAG_FALLBACK_MODELS": Variable("models", "fallbacks", _names),
    "RAG_ROUTER_MODEL": Variable("models", "router", _name),
    "RAG_TIMEOUT_S": Variable("resilience", "timeout_s", _seconds(600)),
    "RAG_ATTEMPTS": Variable("resilience", "attempts", _whole(1, 20)),
    "RAG_LONGEST_WAIT_S": Variable("resilience", "longest_wait_s", _seconds(600)),
    "RAG_PATIENCE_S": Variable("resilience", "patience_s", _seconds(3600)),
    "RAG_BREAKER_FAILURES": Variable("resilience", "breaker_failures", _whole(0, 1000)),
    "RAG_BREAKER_OPEN_S": Variable("resilience", "breaker_open_s", _seconds(3600)),
    "RAG_DEGRADED": Variable("resilience", "degraded", _SWITCH),
    "RAG_TOP_K": Variable("retrieval", "top_k", _whole(1, 50)),
    "RAG_TOP_K_EACH": Variable("retrieval", "top_k_each", _whole(1, 50)),
    "RAG_CONTEXT_TOKENS": Variable("retrieval", "context_tokens", _whole(50, 1_000_000)),
    "RAG_PARALLEL": Variable("retrieval", "parallel", _SWITCH),
    "RAG_CACHES": Variable("caching", "caches", _caches),
    "RAG_CACHE_TTL_S": Variable("caching", "ttl_s", _seconds(31_536_000)),
    "RAG_CACHE_DIR": Variable("caching", "directory", _name),
    "RAG_BUDGET_USD": Variable("spending", "limit_usd", _usd),
    "RAG_BUDGET_PERIOD": Variable("spending", "period", _one_of(**{name: name for name in get_args(Period)})),
    "RAG_BUDGET_ACTION": Variable("spending", "action", _one_of(**{name: name for name in get_args(Action)})),
    "RAG_ANSWER_TOKENS": Variable("spending", "answer_tokens", _whole(16, 1_000_000)),
    "RAG_EMBED_BATCH": Variable("retrieval", "embed_batch", _whole(1, 2048)),
}
