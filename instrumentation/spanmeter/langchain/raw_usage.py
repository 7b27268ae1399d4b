"""The usage as providers wrote it, which LangChain's clients shorten to names of their own.

What they leave out decides about money: Gemini's audio and images, Anthropic's searches and iterations, the prompt of
an Anthropic stream that tells it at its start only, the tools of OpenAI's Responses, the models of Groq's systems,
Cohere's billed units, what OpenRouter, xAI and Perplexity charge.
The functions of the clients that read usage are listened to while instrumented; where a version has no such function,
what LangChain keeps has to do.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.call import Call
from spanmeter.current import LiveSpan, here
from spanmeter.langchain.runs import runs
from spanmeter.langchain.stack import asking
from spanmeter.pricing.tools import counted
from spanmeter.tool_calls import plain, told_of, tools_told

_NOTHING: Final[Mapping[str, Any]] = {}


class Reader(NamedTuple):
    """A function that reads usage; `usage` finds it among the arguments, `completes` says it adds to what came before.

    `owner` is the class of a method, empty for a function of the module.
    """

    module: str
    name: str
    usage: Callable[..., object]
    owner: str = ""
    completes: bool = False


def _first(usage: object, *_: object) -> object:
    return usage


def _usage(response: object, *_: object) -> object:
    return getattr(response, "usage", None)


def _usage_metadata(response: object, *_: object) -> object:
    return getattr(response, "usage_metadata", None)


def _meta(response: object, *_: object) -> object:
    return getattr(response, "meta", None)


def _responded(response: object, *_: object) -> object:
    """Put what tools did beside the usage; a response without usage tells nothing."""
    usage = plain(getattr(response, "usage", None))
    told = tools_told(response) if usage else None
    return {**usage, **counted(told), "tool_usage": told["tool_usage"]} if told else usage


def _broken_down(_: object, response: object, *__: object) -> object:
    breakdown = plain(told_of(response, "usage_breakdown"))
    usage = plain(told_of(response, "usage"))
    return {**usage, "usage_breakdown": breakdown} if breakdown and isinstance(usage, Mapping) else None


def _begun(_: object, event: Any, *__: object) -> object:  # noqa: ANN401  an event of Anthropic's client
    return event.message.usage if event.type == "message_start" else None


READERS: Final = (
    Reader("langchain_openai.chat_models.base", "_create_usage_metadata", _first),
    Reader("langchain_openai.chat_models.base", "_construct_lc_result_from_responses_api", _responded),
    Reader("langchain_anthropic.chat_models", "_create_usage_metadata", _first, completes=True),
    Reader(
        "langchain_anthropic.chat_models", "_make_message_chunk_from_anthropic_event", _begun, owner="ChatAnthropic"
    ),
    Reader("langchain_google_genai.chat_models", "_response_to_result", _usage_metadata),
    Reader("langchain_google_vertexai.chat_models", "_get_usage_metadata_gemini", _first),
    Reader("langchain_cohere.chat_models", "_get_usage_metadata_v2", _usage),
    Reader("langchain_cohere.chat_models", "_get_usage_metadata", _meta),
    Reader("langchain_groq.chat_models", "_create_chat_result", _broken_down, owner="ChatGroq"),
    Reader("langchain_openrouter.chat_models", "_create_usage_metadata", _first),
    Reader("langchain_perplexity.chat_models", "_create_usage_metadata", _first),
    Reader("langchain_perplexity.chat_models", "_convert_responses_usage", _first),
)
_told: Final[WeakKeyDictionary[LiveSpan, list[Any]]] = WeakKeyDictionary()
_wrapped: Final[dict[tuple[Any, str], Any]] = {}


def install() -> None:
    """Listen to the readers of the clients imported so far. Idempotent."""
    for reader in READERS:
        module = sys.modules.get(reader.module)
        place = getattr(module, reader.owner, None) if reader.owner else module
        original = vars(place).get(reader.name) if place is not None else None
        if original is not None and (place, reader.name) not in _wrapped:
            _wrapped[place, reader.name] = original
            setattr(place, reader.name, _listening(original, reader))


def remove() -> None:
    """Put the clients' own functions back."""
    while _wrapped:
        (place, name), original = _wrapped.popitem()
        setattr(place, name, original)


def take(call: LiveSpan) -> Mapping[str, Any]:
    """Return what was told of the usage of a model's call, empty if nothing was, and forget it."""
    told = _told.pop(call, None)
    if told is None:
        return _NOTHING
    if len(told) == 1 and isinstance(told[0], Mapping):
        return told[0]
    return {key: value for usage in told for key, value in _plain(usage).items() if value is not None}


def _listening(original: Callable[..., Any], reader: Reader) -> Callable[..., Any]:
    @functools.wraps(original)
    def listening(*args: Any, **options: Any) -> Any:  # noqa: ANN401  passes on what it is given
        _hear(reader, args)
        return original(*args, **options)

    return listening


@barrier
def _hear(reader: Reader, args: tuple[Any, ...]) -> None:
    usage = reader.usage(*args) if args else None
    call = _asking() if usage is not None else None
    if call is None:
        return
    if reader.completes and call in _told:
        _told[call].append(usage)
    else:
        _told[call] = [usage]


def _asking() -> LiveSpan | None:
    """Return the call of the model whose client is reading: a stream's is not current where it is consumed."""
    run = runs.find(run_id) if (run_id := asking()) else None
    call = run.call if run else here().call
    generates = isinstance(call, Call) and call.opening.operation in semconv.GENERATION_OPERATIONS
    return call if generates else None


def _plain(usage: Any) -> Mapping[str, Any]:  # noqa: ANN401  a mapping, or a provider's own model of it
    if isinstance(usage, Mapping):
        return usage
    dump = getattr(usage, "model_dump", None)
    plain = dump(exclude_none=True) if dump is not None else _NOTHING
    return plain if isinstance(plain, Mapping) else _NOTHING
