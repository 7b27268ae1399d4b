"""What LlamaIndex's events tell about a call to a model: its opening and its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple

from spanmeter.answer import counted
from spanmeter.barrier import barrier
from spanmeter.call import NO_ANSWER, Answer, Opening
from spanmeter.capture import captures_content
from spanmeter.content.content import Quote
from spanmeter.llama_index import quote
from spanmeter.llama_index.message import Reader, message_text
from spanmeter.llama_index.operation import FRAMEWORK
from spanmeter.llama_index.provider import server_of
from spanmeter.llama_index.raw import MODEL, RESPONSE_ID, SERVICE_TIER, UNREPORTED, finish_reasons, reported_in, told_in

_UNREADABLE: Final = Answer(usage_notes=("the answer cannot be read",))
_SHOWN_BLOCKS: Final = frozenset({"thinking", "tool_call"})


def model_opening(
    operation: str,
    model_dict: Mapping[str, Any],
    asked: Any = None,  # noqa: ANN401  the framework's door
    *,
    prompt: Reader | None = None,
) -> Opening:
    """The opening of a model call. Up to 0.12 the model stands under `model`, later under `model_name`.

    Up to 0.12 it stands nowhere for models that have no such field; then `asked`, the model itself, tells.
    Nothing else is read from `model_dict`: it may hold headers and keys.
    """
    told = model_dict.get("model_name") or model_dict.get("model")
    model = str(told or getattr(getattr(asked, "metadata", None), "model_name", None) or "")
    model = "" if model == "unknown" else model
    provider, region = server_of(str(model_dict.get("class_name") or ""), asked)
    name = f"{operation} {model}".rstrip()
    return Opening(
        operation=operation,
        name=name,
        framework=FRAMEWORK,
        provider=provider,
        model=model,
        region=region,
        prompt=prompt,
    )


def rerank_opening(model: str, reranker: Any) -> Opening:  # noqa: ANN401  the framework's door
    """The opening of a rerank; which provider does it, only the class tells."""
    provider, _ = server_of(type(reranker).__name__, reranker)
    return Opening(
        operation="rerank", name=f"rerank {model}".rstrip(), framework=FRAMEWORK, provider=provider, model=model
    )


class _Given(NamedTuple):
    """What a response holds: its door keeps the names that `raw` looks for."""

    raw: Any
    additional_kwargs: Any
    message: Any
    text: Any
    quote: Quote | None


_HELD: Final = _Given._fields[:-1]


def answer_of(
    response: Any,  # noqa: ANN401  the framework's door
    *,
    provider: str,
    model: str = "",
    finishing: Any = None,  # noqa: ANN401  the framework's door
) -> Answer:
    """The answer in a `ChatResponse` or `CompletionResponse`; of a stream, in its last chunk.

    Many providers send usage and finish reason in two chunks: what the last one does not tell is looked up in the
    one before, which is then given as `finishing`. Never raises; an answer that cannot be read has a note saying so.
    """
    return answer_reader(response, provider=provider, model=model, finishing=finishing)()


def answer_reader(
    response: Any,  # noqa: ANN401  the framework's door
    *,
    provider: str,
    model: str = "",
    finishing: Any = None,  # noqa: ANN401  the framework's door
    heard: bool = False,
) -> Callable[[], Answer]:
    """What reads a response as `answer_of` does, also later, when others have got hold of it.

    `model` is the one that was asked, for answers that name none.
    What the client below `heard` itself of the usage counts, and not what is left of it in the response.
    """
    if response is None:
        return nothing
    quoting = quote.answered(response, finishing) if captures_content() else None
    return partial(_answer, _given(response, quoting), _given(finishing), (provider, model), heard)


def nothing() -> Answer:
    """Read no answer at all."""
    return NO_ANSWER


def _answer(given: _Given | None, before: _Given | None, asked: tuple[str, str], heard: bool) -> Answer:  # noqa: FBT001
    answer = None if given is None else _read(given, before, *asked)
    if answer is None:
        return _UNREADABLE
    return replace(answer, usage=None, parts=()) if heard else answer


@barrier
def _given(response: Any, quoting: Quote | None = None) -> _Given | None:  # noqa: ANN401  the framework's door
    if response is None:
        return None
    return _Given._make([*(getattr(response, name, None) for name in _HELD), quoting])


@barrier
def _read(given: _Given, before: _Given | None, provider: str, asked: str) -> Answer:
    raw, last = given.raw, before and before.raw
    named = told_in(raw, MODEL) or told_in(last, MODEL)
    model = named or asked
    reported = reported_in(given, provider, model=model) or reported_in(before, provider, model=model) or UNREPORTED
    answer = Answer(
        usage=reported.usage,
        model=named,
        response_id=told_in(raw, RESPONSE_ID) or told_in(last, RESPONSE_ID),
        finish_reasons=finish_reasons(raw) or finish_reasons(last),
        reported_usd=reported.usd,
        service_tier=told_in(raw, SERVICE_TIER) or reported.service_tier,
        text=partial(_generated, given),
        quote=given.quote,
        usage_notes=reported.notes,
        parts=reported.parts,
        region=reported.region,
    )
    return counted(answer)


def _generated(given: _Given) -> str:
    return message_text(given.message) if given.message is not None else str(given.text or "")


def has_content(response: Any) -> bool:  # noqa: ANN401  the framework's door
    """Whether a chunk of a stream holds text, thoughts or a tool call; providers begin with one that names the role."""
    if response.delta:
        return True
    message = getattr(response, "message", None)
    if getattr(message, "additional_kwargs", {}).get("tool_calls"):
        return True
    return any(getattr(block, "block_type", "") in _SHOWN_BLOCKS for block in getattr(message, "blocks", None) or ())
