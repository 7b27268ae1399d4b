"""Where each provider writes which number in its usage object.

Paths are dotted and separated by blanks, the first that holds a number counts. A step `field=value` adds up
the matching items of a list, a step `=value` counts the items that are equal to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from spanmeter.pricing.counts import Counts, count

_READABLE: Final = 10**20

Path = tuple[str, ...]
Paths = Mapping[str, tuple[Path, ...]]


@dataclass(slots=True)
class _Node:
    """Where paths go on from a key. A path that ends here has a rank: the lower it is, the sooner its number counts."""

    name: str = ""
    rank: int = 0
    children: dict[str, _Node] = field(default_factory=dict)

    @classmethod
    def of(cls, paths: Paths) -> _Node:
        root = cls()
        for name, ranked in paths.items():
            for rank, path in enumerate(ranked):
                node = root
                for step in path:
                    node = node.children.setdefault(step, cls())
                node.name, node.rank = name, rank
        return root


@dataclass(frozen=True, slots=True)
class Dialect:
    """Paths per field of `Counts`, and whether cache and reasoning tokens are inside input and output."""

    paths: Paths
    root: _Node = field(repr=False, compare=False)
    input_includes_cache: bool = True
    output_includes_reasoning: bool = True

    def counts(self, payload: Mapping[str, Any], notes: list[str]) -> Counts:
        """The numbers of one usage object; `notes` gets a sentence for each that is no count, such as -1."""
        found: dict[str, tuple[int, int]] = {}
        _collect(payload, self.root, found, notes)
        return Counts(
            **{name: number for name, (_, number) in found.items()},
            input_includes_cache=self.input_includes_cache,
            output_includes_reasoning=self.output_includes_reasoning,
        )


def _collect(payload: Mapping[str, Any], node: _Node, found: dict[str, tuple[int, int]], notes: list[str]) -> None:
    """Walk the payload, not the table: this runs for every call of an application."""
    for key, value in payload.items():
        child = node.children.get(key)
        if child is None or value is None:
            continue
        if child.name:
            _keep(key, value, child, found, notes)
        elif isinstance(value, Mapping):
            _collect(value, child, found, notes)
        elif isinstance(value, list | tuple):
            for step, end in child.children.items():
                _keep(key, _add_up(value, step, end), _last(end), found, notes)


def _keep(key: str, value: object, node: _Node, found: dict[str, tuple[int, int]], notes: list[str]) -> None:
    number = count(value)
    if number is None:
        notes.append(no_count(key, value))
    elif node.name not in found or node.rank < found[node.name][0]:
        found[node.name] = (node.rank, number)


def no_count(key: str, value: object) -> str:
    """The sentence for a number that is none, such as -1."""
    return f"{key} is {_shown(value)}, which is no count"


def _shown(value: object) -> str:
    if isinstance(value, str):
        return repr(value[:40])
    return str(value) if isinstance(value, float | int) and abs(value) < _READABLE else type(value).__name__


def _add_up(items: list[object] | tuple[object, ...], step: str, node: _Node) -> int:
    name, _, wanted = step.partition("=")
    if not name:
        return sum(item == wanted for item in items)
    chosen = (item for item in items if isinstance(item, Mapping) and item.get(name) == wanted)
    return sum(count(item.get(key)) or 0 for item in chosen for key in node.children)


def _last(node: _Node) -> _Node:
    return next(iter(node.children.values()), node)


def _dialect(*, input_includes_cache: bool = True, output_includes_reasoning: bool = True, **fields: str) -> Dialect:
    paths = {name: tuple(tuple(path.split(".")) for path in listed.split()) for name, listed in fields.items()}
    return Dialect(paths, _Node.of(paths), input_includes_cache, output_includes_reasoning)


# https://platform.openai.com/docs/api-reference/chat/object and /responses/object. Most providers follow it with
# names of their own: DeepSeek's cache hits, Moonshot's cached_tokens, xAI's gRPC names, Voyage's lone total,
# Ollama's evaluations, and Anthropic's caches, which https://docs.litellm.ai/docs/completion/prompt_caching adds.
OPENAI: Final = _dialect(
    input="prompt_tokens input_tokens prompt_eval_count",
    output="completion_tokens output_tokens eval_count",
    total="total_tokens",
    cache_read="prompt_tokens_details.cached_tokens input_tokens_details.cached_tokens"
    " input_token_details.cached_tokens prompt_cache_hit_tokens cached_prompt_text_tokens cached_tokens"
    " cache_read_input_tokens",
    cache_write="prompt_tokens_details.cache_write_tokens input_tokens_details.cache_write_tokens"
    " cache_creation_input_tokens",
    input_audio="prompt_tokens_details.audio_tokens input_tokens_details.audio_tokens input_token_details.audio_tokens",
    cache_read_audio="input_token_details.cached_tokens_details.audio_tokens"
    " prompt_tokens_details.cached_tokens_details.audio_tokens",
    input_image="prompt_tokens_details.image_tokens input_tokens_details.image_tokens"
    " input_token_details.image_tokens prompt_image_tokens",
    reasoning="completion_tokens_details.reasoning_tokens output_tokens_details.reasoning_tokens reasoning_tokens",
    output_audio="completion_tokens_details.audio_tokens output_token_details.audio_tokens",
    output_image="completion_tokens_details.image_tokens output_tokens_details.image_tokens",
    web_searches="server_tool_use_details.web_search_requests server_tool_use.web_search_requests"
    " server_side_tools_used.=SERVER_SIDE_TOOL_WEB_SEARCH",
)
# https://docs.x.ai/docs/guides/reasoning: completion_tokens leaves reasoning out and the bill adds it.
XAI: Final = replace(OPENAI, output_includes_reasoning=False)
# https://platform.claude.com/docs/en/api/messages: input_tokens leaves both cache counts out.
ANTHROPIC: Final = _dialect(
    input="input_tokens",
    output="output_tokens",
    cache_read="cache_read_input_tokens",
    cache_write="cache_creation_input_tokens",
    cache_write_5m="cache_creation.ephemeral_5m_input_tokens",
    cache_write_1h="cache_creation.ephemeral_1h_input_tokens",
    reasoning="output_tokens_details.thinking_tokens",
    web_searches="server_tool_use.web_search_requests",
    input_includes_cache=False,
)
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html; Nova's InvokeModel says …Count.
BEDROCK: Final = _dialect(
    input="inputTokens inputTokenCount inputTextTokenCount",
    output="outputTokens outputTokenCount",
    total="totalTokens",
    cache_read="cacheReadInputTokens cacheReadInputTokenCount",
    cache_write="cacheWriteInputTokens cacheWriteInputTokenCount",
    cache_write_5m="cacheDetails.ttl=5m.inputTokens",
    cache_write_1h="cacheDetails.ttl=1h.inputTokens",
    input_includes_cache=False,
)
# https://ai.google.dev/api/generate-content#UsageMetadata: thoughts and tool-use prompts come on top.
GEMINI: Final = _dialect(
    input="promptTokenCount",
    input_tool="toolUsePromptTokenCount",
    output="candidatesTokenCount responseTokenCount",
    total="totalTokenCount",
    cache_read="cachedContentTokenCount",
    cache_read_audio="cacheTokensDetails.modality=AUDIO.tokenCount",
    input_audio="promptTokensDetails.modality=AUDIO.tokenCount",
    input_image="promptTokensDetails.modality=IMAGE.tokenCount",
    cache_read_image="cacheTokensDetails.modality=IMAGE.tokenCount",
    reasoning="thoughtsTokenCount",
    output_audio="candidatesTokensDetails.modality=AUDIO.tokenCount",
    output_image="candidatesTokensDetails.modality=IMAGE.tokenCount",
    output_includes_reasoning=False,
)
# https://docs.cohere.com/reference/chat: the bill counts billed_units, not tokens. LangChain's streams bring them bare.
COHERE: Final = _dialect(
    input="billed_units.input_tokens meta.billed_units.input_tokens input_tokens",
    output="billed_units.output_tokens meta.billed_units.output_tokens output_tokens",
    rerank_searches="billed_units.search_units meta.billed_units.search_units search_units",
)


def _snake(name: str) -> str:
    return name if "=" in name else re.sub(r"([A-Z])", r"_\1", name).lower()


_SNAKE: Final = {
    name: tuple(tuple(_snake(step) for step in path) for path in paths) for name, paths in GEMINI.paths.items()
}
# The Python client writes the same fields in snake case.
GEMINI_PYTHON: Final = replace(GEMINI, paths=_SNAKE, root=_Node.of(_SNAKE))

_BY_KEY: Final = {
    "billed_units": COHERE,
    "search_units": COHERE,
    "totalTokenCount": GEMINI,
    "promptTokenCount": GEMINI,
    "candidatesTokenCount": GEMINI,
    "thoughtsTokenCount": GEMINI,
    "total_token_count": GEMINI_PYTHON,
    "prompt_token_count": GEMINI_PYTHON,
    "candidates_token_count": GEMINI_PYTHON,
    "thoughts_token_count": GEMINI_PYTHON,
    "inputTokens": BEDROCK,
    "inputTokenCount": BEDROCK,
    "inputTextTokenCount": BEDROCK,
    "cache_read_input_tokens": ANTHROPIC,
    "cache_creation_input_tokens": ANTHROPIC,
    "cache_creation": ANTHROPIC,
}
_BY_PROVIDER: Final = {"anthropic": ANTHROPIC, "cohere": COHERE}


def dialect(payload: Mapping[str, Any], *, provider: str, api: str = "") -> Dialect:
    """The dialect a usage object is written in: the keys tell, since gateways answer in other providers' words."""
    if "prompt_tokens" in payload:
        return XAI if provider == "x-ai" else OPENAI
    for key, spoken in _BY_KEY.items():
        if key in payload:
            return spoken
    return ANTHROPIC if "anthropic" in api else _BY_PROVIDER.get(provider, OPENAI)
