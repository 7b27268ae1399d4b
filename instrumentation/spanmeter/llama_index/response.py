"""What LlamaIndex's LLM events tell about a call: its opening and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spanmeter.call import NO_ANSWER, Answer, Opening
from spanmeter.llama_index.operation import FRAMEWORK
from spanmeter.llama_index.provider import provider_of
from spanmeter.pricing import Usage, read_usage

_USAGE_KEYS: Final = ("usage", "usage_metadata", "usageMetadata")
_TOKEN_KEYS: Final = ("prompt_tokens", "completion_tokens")


def model_opening(operation: str, model_dict: Mapping[str, Any], asked: Any = None) -> Opening:  # noqa: ANN401  the framework's door
    """The opening of a model call. Up to 0.12 the model stands under `model`, later under `model_name`.

    Up to 0.12 it stands nowhere for models that have no such field; then `asked`, the model itself, tells.
    Nothing else is read from `model_dict`: it may hold headers and keys.
    """
    told = model_dict.get("model_name") or model_dict.get("model")
    model = str(told or getattr(getattr(asked, "metadata", None), "model_name", None) or "")
    model = "" if model == "unknown" else model
    provider = provider_of(str(model_dict.get("class_name") or ""))
    name = f"{operation} {model}".rstrip()
    return Opening(operation=operation, name=name, framework=FRAMEWORK, provider=provider, model=model)


def rerank_opening(model: str, reranker: Any) -> Opening:  # noqa: ANN401  the framework's door
    """The opening of a rerank; which provider does it, only the class tells."""
    provider = provider_of(type(reranker).__name__)
    return Opening(
        operation="rerank", name=f"rerank {model}".rstrip(), framework=FRAMEWORK, provider=provider, model=model
    )


def answer_of(response: Any, *, provider: str, finishing: Any = None) -> Answer:  # noqa: ANN401  the framework's door
    """The answer in a `ChatResponse` or `CompletionResponse`; of a stream, in its last chunk.

    OpenAI sends usage in a chunk after the one with the finish reason, which is then given as `finishing`.
    """
    if response is None:
        return NO_ANSWER
    raw = _fields(response.raw)
    return Answer(
        usage=_usage(raw, _fields(response.additional_kwargs), provider=provider),
        model=_text(raw, "model"),
        response_id=_text(raw, "id"),
        finish_reasons=_finish_reasons(raw) or _finish_reasons(_fields(getattr(finishing, "raw", None))),
        service_tier=_text(raw, "service_tier"),
    )


def has_content(response: Any) -> bool:  # noqa: ANN401  the framework's door
    """Whether a chunk of a stream holds text or a tool call; providers begin with one that only names the role."""
    message = getattr(response, "message", None)
    return bool(response.delta or getattr(message, "additional_kwargs", {}).get("tool_calls"))


def _fields(value: Any) -> Mapping[str, Any]:  # noqa: ANN401  provider packages answer with dicts, models or plain objects
    if isinstance(value, Mapping):
        return value
    return getattr(value, "__dict__", {})


def _usage(raw: Mapping[str, Any], additional: Mapping[str, Any], *, provider: str) -> Usage | None:
    reported = next((raw[key] for key in _USAGE_KEYS if raw.get(key) is not None), None)
    if reported is not None:
        dump = getattr(reported, "model_dump", None)
        return read_usage(dump(exclude_none=True) if dump else _fields(reported), provider=provider)
    if any(additional.get(key) for key in _TOKEN_KEYS):
        return read_usage(additional, provider=provider)
    return None


def _text(raw: Mapping[str, Any], key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _finish_reasons(raw: Mapping[str, Any]) -> tuple[str, ...]:
    choices = raw.get("choices")
    reasons = [_fields(choice).get("finish_reason") for choice in choices] if isinstance(choices, list) else []
    reasons.append(raw.get("stop_reason"))
    return tuple(reason for reason in reasons if isinstance(reason, str))
