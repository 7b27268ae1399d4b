"""Reads what LangChain tells at the start of a run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from spanmeter import semconv
from spanmeter.capture import captures_content
from spanmeter.endpoint import NOWHERE, Endpoint, endpoint_at
from spanmeter.langchain import prompt, quote, stack
from spanmeter.opening import AttributeValue, Opening
from spanmeter.pricing.reported import read_region

PROVIDERS: Final[Mapping[str, str]] = {
    "amazon_bedrock": "aws.bedrock",
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "ibm": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "xai": "x_ai",
}
"""LangChain's `ls_provider`, or name of a package, where the convention's `gen_ai.provider.name` differs."""

_CONVERSATIONS: Final = dict.fromkeys(("thread_id", "session_id", "conversation_id"))
"""In this order."""
_ADDRESSES: Final = (
    "openai_api_base",
    "azure_endpoint",
    "base_url",
    "anthropic_api_url",
    "api_base",
    "endpoint_url",
    "endpoint",
)

_MODELS: Final = 256
"""How many models' endpoints are known at once."""

Options = Mapping[str, Any]
_endpoints: Final[dict[tuple[int, str], tuple[Options, Endpoint]]] = {}
"""By identity, and with the very object, so that no other one can have it."""


def model_opening(
    operation: str, serialized: Options | None, options: Options, *, asked: Sequence[Any], together: bool = False
) -> Opening:
    """Read a chat or completion model's start; `options` are the callback's keyword arguments, `asked` its prompts.

    `together` says that prompts of one `generate` are all current at once.
    """
    metadata = _metadata(options)
    parameters = _mapping(options.get("invocation_params"))
    provider = str(metadata.get("ls_provider") or _kind(parameters))
    endpoint = _endpoint(serialized, provider) if serialized else NOWHERE
    model = metadata.get("ls_model_name") or parameters.get("model") or parameters.get("model_name") or ""
    served_by = endpoint.provider or PROVIDERS.get(provider, provider)
    return Opening(
        operation=operation,
        name=_joined(operation, model or _name(serialized, options)),
        framework=_framework(metadata),
        provider=served_by,
        model=str(model),
        region=read_region(parameters) or endpoint.region,
        attributes=_session(metadata) if endpoint is NOWHERE else _session(metadata) | endpoint.attributes,
        claims_children=together,
        prompt=prompt.reader(asked, parameters),
        asked=prompt.asked_of(f"{operation} {served_by} {model}", asked, parameters),
        quote=quote.asked(asked, parameters) if captures_content() else None,
    )


def tool_opening(serialized: Options | None, options: Options, *, asked: str = "") -> Opening:
    """Read a tool's start."""
    metadata, name = _metadata(options), _name(serialized, options)
    attributes = _session(metadata) | {semconv.TOOL_NAME: name}
    if call_id := options["tool_call_id"] if "tool_call_id" in options else stack.tool_call_id():
        attributes[semconv.TOOL_CALL_ID] = str(call_id)
    return Opening(
        "execute_tool",
        _joined("execute_tool", name),
        _framework(metadata),
        attributes=attributes,
        quote=quote.tool_asked(asked, options) if captures_content() else None,
    )


def retriever_opening(serialized: Options | None, options: Options, *, asked: str = "") -> Opening:
    """Read a retriever's start."""
    metadata, name = _metadata(options), _name(serialized, options)
    return Opening(
        "retrieval",
        _joined("retrieval", name),
        _framework(metadata),
        attributes=_session(metadata),
        quote=quote.searched(asked) if captures_content() else None,
    )


def chain_opening(serialized: Options | None, options: Options, *, node: bool) -> Opening:
    """Read the start of any other runnable; `node` says that it is LangGraph's."""
    metadata, name = _metadata(options), _name(serialized, options)
    operation = "node" if node else "chain"
    return Opening(
        operation,
        _joined(operation, name),
        _framework(metadata),
        attributes=_session(metadata),
        claims_children=True,
    )


def graph_opening(known: Opening, *, agent: str) -> Opening:
    """Correct a chain's opening once a node started below it: it is a graph, or the agent of that name."""
    name = known.name.partition(" ")[2]
    operation, key = (
        ("invoke_agent", semconv.AGENT_NAME) if agent == name else ("invoke_workflow", semconv.WORKFLOW_NAME)
    )
    return Opening(
        operation,
        _joined(operation, name),
        "langgraph",
        attributes={**known.attributes, key: name},
        claims_children=True,
    )


def is_node(options: Options) -> bool:
    """Tell a node, or a task of a functional graph, from the runs inside it.

    They inherit its metadata, but not a node's step tag; a task has none, but the path of what called it.
    """
    metadata = _metadata(options)
    node = metadata.get("langgraph_node")
    if node is None or node != options.get("name"):
        return False
    path = metadata.get("langgraph_path")
    called_by = path[1:2] if isinstance(path, tuple) else ()
    return _tagged(options, "graph:step:") or any(isinstance(caller, tuple) for caller in called_by)


def agent_name(options: Options) -> str:
    """Return the name `create_agent` gave the agent a run belongs to, or an empty string."""
    return str(_metadata(options).get("lc_agent_name") or "")


def is_hidden(options: Options) -> bool:
    """Tell LangGraph's own plumbing, which it hides from LangSmith too."""
    return _tagged(options, "langsmith:hidden")


def _tagged(options: Options, prefix: str) -> bool:
    tags = options.get("tags")
    return any(isinstance(tag, str) and tag.startswith(prefix) for tag in tags) if tags else False


def _metadata(options: Options) -> Options:
    return _mapping(options.get("metadata"))


def _mapping(value: object) -> Options:
    return value if type(value) is dict or isinstance(value, Mapping) else {}


def _framework(metadata: Options) -> str:
    return "langgraph" if "langgraph_node" in metadata else "langchain"


def _name(serialized: Options | None, options: Options) -> str:
    given = options.get("name")
    if not given and serialized:
        given = serialized.get("name") or (serialized.get("id") or ("",))[-1]
    return str(given or "")


def _session(metadata: Options) -> dict[str, AttributeValue]:
    """Read what everything below inherits: the conversation and user that the `config` names, and the graph's node."""
    said: dict[str, AttributeValue] = {}
    if not _CONVERSATIONS.keys().isdisjoint(metadata):
        thread = next(metadata[key] for key in _CONVERSATIONS if key in metadata)
        if thread is not None:
            said[semconv.CONVERSATION_ID] = str(thread)
    user = metadata.get("user_id")
    if user is not None:
        said[semconv.USER_ID] = str(user)
    node = metadata.get("langgraph_node")
    if node is not None:
        said[semconv.NODE] = str(node)
    return said


def _kind(parameters: Options) -> str:
    """The `generate` of a completion model tells no `ls_provider`, but the integration: openai, anthropic-llm."""
    return str(parameters.get("_type") or "").removesuffix("-chat").removesuffix("-llm")


def _endpoint(serialized: Options, provider: str) -> Endpoint:
    """Find where a model sends its requests; later versions serialize a model once, so that it is soon known."""
    known = _endpoints.get((id(serialized), provider))
    if known is not None and known[0] is serialized:
        return known[1]
    if len(_endpoints) >= _MODELS:
        _endpoints.clear()
    found = _endpoint_of(_mapping(serialized.get("kwargs")), provider)
    _endpoints[id(serialized), provider] = (serialized, found)
    return found


def _endpoint_of(given: Options, provider: str) -> Endpoint:
    """Read the address from a model's `base_url`, or from the environment that its client reads."""
    url = next((url for key in _ADDRESSES if (url := given.get(key)) and isinstance(url, str)), "")
    if not url and provider == "openai":
        url = os.environ.get("OPENAI_API_BASE") or os.environ.get("OPENAI_BASE_URL") or ""
    return endpoint_at(url) if url else NOWHERE


def _joined(operation: str, name: str) -> str:
    return f"{operation} {name}".rstrip()
