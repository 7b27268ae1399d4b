"""Where provider packages leave what their provider said: the `raw` of a response, in as many shapes as packages.

It is a dict, an object of the provider's package, one of its protocol buffers, or one event of a stream. Paths are
dotted, the first one that leads to something counts; a step is a key, an attribute or a field alike.
"""

# ruff: noqa: ANN401  raw answers are anything

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from spanmeter.answer import billed_apart
from spanmeter.pricing import Part, Usage, read_region, read_reported_usd, read_service_tier
from spanmeter.pricing.reading import read
from spanmeter.pricing.tools import tools_run, with_tools
from spanmeter.tool_calls import tools_told

Path = tuple[str, ...]


def _paths(listed: str) -> tuple[Path, ...]:
    return tuple(tuple(path.split(".")) for path in listed.split())


# Where the usage stands:
#   usage                 OpenAI, Anthropic, Bedrock Converse, Perplexity, Ollama's package, most others
#   usage_metadata        Google's packages, `_raw_response` around it in Vertex AI's
#   data.usage            an event of Mistral's stream
#   response.usage        the last event of OpenAI's Responses stream
#   metadata.usage        the last event of Bedrock's Converse stream
#   x_groq.usage          the last chunk of Groq's stream
#   meta                  Cohere, `response` around it in the last event of its stream
#   message.usage         the first event of Anthropic's stream
#   amazon-bedrock-...    the last event of Bedrock's InvokeModel stream
_USAGE: Final = _paths(
    "usage usage_metadata usageMetadata data.usage response.usage metadata.usage x_groq.usage meta response.meta"
    " message.usage amazon-bedrock-invocationMetrics _raw_response.usage_metadata"
)
_BESIDE: Final = _paths("additional_kwargs.usage message.additional_kwargs.usage")
_TERMS: Final = frozenset({"service_tier", "serviceTier", "speed", "batch"})
_REGIONS: Final = frozenset({"inference_geo", "data_residency", "region", "location"})
_COUNTED: Final = ("prompt_tokens", "completion_tokens", "eval_count", "inputTextTokenCount")
MODEL: Final = _paths("model data.model response.model message.model model_version _raw_response.model_version")
RESPONSE_ID: Final = _paths("id data.id response.id message.id response_id response.response_id generation_id")
SERVICE_TIER: Final = _paths("service_tier data.service_tier response.service_tier")
_CHOICES: Final = _paths("choices data.choices candidates _raw_response.candidates")
# OpenAI's Responses say why only when they are incomplete.
_FINISH: Final = _paths(
    "finish_reason stop_reason stopReason delta.stop_reason messageStop.stopReason done_reason response.finish_reason"
    " response.incomplete_details.reason incomplete_details.reason response.status status"
)


@dataclass(frozen=True, slots=True)
class Reported:
    """What a provider said of usage; `usage` None when what it said are no counts, as the notes tell.

    `parts` are what is billed apart where that is not the usage as a whole, `region` where it was served if that has
    prices of its own.
    """

    usage: Usage | None = None
    usd: Decimal | None = None
    service_tier: str = ""
    notes: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    region: str = ""


UNREPORTED: Final = Reported()
_UNKNOWN: Final = object()
_NOTHING: Final[Mapping[str, Any]] = {}


def reported_in(response: Any, provider: str, *, model: str = "") -> Reported | None:
    """The usage in a response of `model`; None when it says nothing of it."""
    if response is None:
        return None
    noted = None
    for payload in _usages(response):
        reported = _reported(payload, provider, response, model)
        if reported is not None and reported.usage is not None:
            return reported
        noted = noted or reported
    return noted


def told_in(raw: Any, paths: tuple[Path, ...]) -> str:
    """The first text at one of the paths; "" when there is none."""
    if raw is not None:
        for found in _found(raw, paths):
            if text := _text(found):
                return text
    return ""


def finish_reasons(raw: Any) -> tuple[str, ...]:
    """Why each of the choices ended."""
    for choices in _found(raw, _CHOICES):
        if isinstance(choices, list | tuple) and choices:
            return tuple(reason for choice in choices if (reason := _text(_field(choice, "finish_reason"))))
    reason = told_in(raw, _FINISH)
    return (reason,) if reason else ()


def _usages(response: Any) -> Iterator[Mapping[str, Any]]:
    raw = _field(response, "raw")
    # Groq tells beside the usage which models answered for one of its systems.
    apart = ("usage_breakdown",) if "usage_breakdown" in (_names(raw) or ()) else ()
    for found in _found(raw, _USAGE):
        yield {**_plain(found), **{key: _plain(_field(raw, key)) for key in apart}} if apart else _plain(found)
    for found in _found(response, _BESIDE):
        yield _plain(found)
    for source in (_field(response, "additional_kwargs"), raw):
        if any(_field(source, key) is not None for key in _COUNTED):
            yield _plain(source)


def _reported(payload: Mapping[str, Any], provider: str, response: Any, model: str) -> Reported | None:
    reading = read(payload, provider=provider)
    usage = reading.known
    if usage is not None and ((beside := _beside(_field(response, "raw"))) or "search-preview" in model):
        reading = with_tools(reading, tools_run(beside, _NOTHING, model=model))
        usage = reading.usage
    usd = read_reported_usd(payload, provider=provider)
    if usage is None and usd is None and not reading.notes:
        return None
    tier = "" if _TERMS.isdisjoint(payload) else read_service_tier(payload)
    region = "" if _REGIONS.isdisjoint(payload) else read_region(payload)
    return Reported(usage, usd, tier, reading.notes, reading.parts if billed_apart(reading.parts) else (), region)


def _beside(raw: Any) -> Mapping[str, Any]:
    """What a response says of tools outside of its usage; empty for most of them."""
    names = _names(raw) or ()
    if "grounding_metadata" in names:
        return {"grounding_metadata": _field(raw, "grounding_metadata")}
    if "output" in names or "response" in names:
        return tools_told(raw) or tools_told(_field(raw, "response"))
    return _NOTHING


def _plain(value: Any) -> Mapping[str, Any]:
    if type(value) is dict or isinstance(value, Mapping):
        return value
    for method in ("model_dump", "to_dict"):
        dump = getattr(type(value), method, None)
        if dump is not None:
            dumped = dump(value)
            return dumped if isinstance(dumped, Mapping) else {}
    return getattr(value, "__dict__", {})


def _found(value: Any, paths: tuple[Path, ...]) -> Iterator[Any]:
    names = _names(value)
    for path in paths:
        if (names is None or path[0] in names) and (found := _at(value, path)) is not None:
            yield found


def _names(value: Any) -> Container[str] | None:
    """What a dict or a pydantic object has, None of others; asking pydantic for what it lacks takes a microsecond."""
    if type(value) is dict:
        return value
    extra: Any = getattr(value, "__pydantic_extra__", _UNKNOWN)
    if extra is _UNKNOWN:
        return None
    return {*vars(value), *extra} if extra else vars(value)


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = _field(value, step)
        if value is None:
            break
    return value


def _field(value: Any, name: str) -> Any:
    if type(value) is dict:
        return value.get(name)
    found = getattr(value, name, None)
    return value.get(name) if found is None and isinstance(value, Mapping) else found


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    value = value.value if isinstance(value, Enum) else value
    return value if isinstance(value, str) else ""
