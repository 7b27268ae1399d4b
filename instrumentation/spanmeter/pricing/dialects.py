"""Where each provider writes which number in its usage object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from spanmeter.pricing.dialect import Dialect

# https://platform.openai.com/docs/api-reference/chat/object, /responses/object and /audio/json-object. Most providers
# follow it with names of their own: DeepSeek's cache hits, Moonshot's cached_tokens, xAI's
# gRPC names and tools (https://docs.x.ai/docs/guides/tools/overview), Voyage's lone total, Ollama's evaluations,
# llama.cpp's, TGI's, watsonx's and Llama's counts on Bedrock, Writer's details in the singular, Mistral's pages, and
# Anthropic's caches, which https://docs.litellm.ai/docs/completion/prompt_caching and Qwen add.
_OPENAI: Final = {
    "input": "prompt_tokens input_tokens prompt_eval_count prompt_token_count input_token_count tokens_evaluated"
    " details.input_length input_length promptTokens",
    "output": "completion_tokens output_tokens eval_count generation_token_count generated_token_count"
    " output_token_count tokens_predicted details.generated_tokens generated_tokens completionTokens",
    "total": "total_tokens totalTokens",
    "cache_read": "prompt_tokens_details.cached_tokens input_tokens_details.cached_tokens"
    " input_token_details.cached_tokens prompt_token_details.cached_tokens prompt_cache_hit_tokens"
    " cached_prompt_text_tokens cached_tokens cache_read_input_tokens cached_input_tokens",
    "cache_miss": "prompt_cache_miss_tokens",
    "cache_write": "prompt_tokens_details.cache_write_tokens input_tokens_details.cache_write_tokens"
    " prompt_tokens_details.cache_creation_input_tokens cache_creation_input_tokens",
    "input_audio": "prompt_tokens_details.audio_tokens input_tokens_details.audio_tokens"
    " input_token_details.audio_tokens",
    "cache_read_audio": "input_token_details.cached_tokens_details.audio_tokens"
    " prompt_tokens_details.cached_tokens_details.audio_tokens",
    "input_image": "prompt_tokens_details.image_tokens input_tokens_details.image_tokens"
    " input_token_details.image_tokens prompt_image_tokens",
    "cache_read_image": "input_token_details.cached_tokens_details.image_tokens"
    " input_tokens_details.cached_tokens_details.image_tokens",
    "reasoning": "completion_tokens_details.reasoning_tokens output_tokens_details.reasoning_tokens"
    " completion_token_details.reasoning_tokens reasoning_tokens reasoning_output_tokens",
    "output_audio": "completion_tokens_details.audio_tokens output_token_details.audio_tokens"
    " output_tokens_details.audio_tokens",
    "output_image": "completion_tokens_details.image_tokens output_tokens_details.image_tokens",
    "web_searches": "server_tool_use_details.web_search_requests server_tool_use.web_search_requests"
    " server_side_tool_usage_details.web_search_calls server_side_tool_usage.SERVER_SIDE_TOOL_WEB_SEARCH"
    " tool_usage.web_search.num_requests server_side_tools_used.=SERVER_SIDE_TOOL_WEB_SEARCH"
    " num_search_queries web_search_calls",
    "social_searches": "server_side_tool_usage_details.x_search_calls server_side_tool_usage.SERVER_SIDE_TOOL_X_SEARCH"
    " server_side_tools_used.=SERVER_SIDE_TOOL_X_SEARCH",
    "file_searches": "server_side_tool_usage_details.file_search_calls"
    " server_side_tool_usage.SERVER_SIDE_TOOL_COLLECTIONS_SEARCH"
    " server_side_tools_used.=SERVER_SIDE_TOOL_COLLECTIONS_SEARCH file_search_calls",
    "attachment_searches": "server_side_tool_usage_details.document_search_calls"
    " server_side_tool_usage.SERVER_SIDE_TOOL_ATTACHMENT_SEARCH"
    " server_side_tools_used.=SERVER_SIDE_TOOL_ATTACHMENT_SEARCH",
    "code_executions": "server_side_tool_usage_details.code_interpreter_calls"
    " server_side_tool_usage.SERVER_SIDE_TOOL_CODE_EXECUTION"
    " server_side_tools_used.=SERVER_SIDE_TOOL_CODE_EXECUTION code_interpreter_sessions",
    "search_sources": "num_sources_used",
    "citation_tokens": "citation_tokens",
    "input_audio_seconds": "seconds prompt_audio_seconds",
    "output_images": "generated_images",
    "pages": "pages_processed",
}
OPENAI: Final = Dialect.listed(_OPENAI)
# https://docs.x.ai/docs/guides/reasoning: completion_tokens leaves reasoning out and the bill adds it.
XAI: Final = replace(OPENAI, output_includes_reasoning=False, surplus_is_reasoning=True)
# https://ai.google.dev/gemini-api/docs/openai: thoughts stand in the total alone.
GOOGLE_CHAT: Final = replace(OPENAI, surplus_is_reasoning=True)
# https://docs.perplexity.ai/getting-started/pricing: the research model's reasoning is in neither whole.
PERPLEXITY: Final = Dialect.listed(
    _OPENAI
    | {
        "reasoning": "completion_tokens_details.reasoning_tokens output_tokens_details.reasoning_tokens",
        "reasoning_apart": "reasoning_tokens",
    }
)
# https://docs.voyageai.com/docs/multimodal-embeddings: text is billed by the token and the rest by the pixel.
VOYAGE: Final = Dialect.listed({"input": "text_tokens", "input_pixels": "image_pixels+ video_pixels+"})
# https://github.com/ggml-org/llama.cpp/tree/master/tools/server: what was in the cache is not in prompt_n.
LLAMA_CPP: Final = Dialect.listed(
    {"input": "prompt_n", "output": "predicted_n", "cache_read": "cache_n"}, input_includes_cache=False
)
# https://platform.claude.com/docs/en/api/messages: input_tokens leaves both cache counts out. A gateway adds a total.
ANTHROPIC: Final = Dialect.listed(
    {
        "input": "input_tokens",
        "output": "output_tokens",
        "total": "total_tokens",
        "cache_read": "cache_read_input_tokens",
        "cache_write": "cache_creation_input_tokens",
        "cache_write_5m": "cache_creation.ephemeral_5m_input_tokens",
        "cache_write_1h": "cache_creation.ephemeral_1h_input_tokens",
        "reasoning": "output_tokens_details.thinking_tokens",
        "web_searches": "server_tool_use.web_search_requests",
    },
    input_includes_cache=False,
)
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html; the metrics of InvokeModel say
# …Count, Titan counts each result, and every InvokeModel answers with counts in its headers.
BEDROCK: Final = Dialect.listed(
    {
        "input": "inputTokens inputTokenCount inputTextTokenCount x-amzn-bedrock-input-token-count",
        "output": "outputTokens outputTokenCount totalOutputTextTokenCount results.*.tokenCount"
        " x-amzn-bedrock-output-token-count",
        "total": "totalTokens",
        "cache_read": "cacheReadInputTokens cacheReadInputTokenCount x-amzn-bedrock-cache-read-input-token-count",
        "cache_write": "cacheWriteInputTokens cacheWriteInputTokenCount x-amzn-bedrock-cache-write-input-token-count",
        "cache_write_5m": "cacheDetails.ttl=5m.inputTokens",
        "cache_write_1h": "cacheDetails.ttl=1h.inputTokens",
    },
    input_includes_cache=False,
)
# The same headers under the names of langchain-aws, whose total leaves cache writes out.
BEDROCK_HEADERS: Final = Dialect.listed(
    {
        "input": "prompt_tokens",
        "output": "completion_tokens",
        "cache_read": "cache_read_input_tokens",
        "cache_write": "cache_write_input_tokens",
    },
    input_includes_cache=False,
)
# https://ai.google.dev/api/generate-content#UsageMetadata: thoughts and tool-use prompts come on top.
GEMINI: Final = Dialect.listed(
    {
        "input": "promptTokenCount",
        "input_tool": "toolUsePromptTokenCount",
        "output": "candidatesTokenCount responseTokenCount",
        "total": "totalTokenCount",
        "cache_read": "cachedContentTokenCount",
        "cache_read_audio": "cacheTokensDetails.modality=AUDIO.tokenCount",
        "cache_read_image": "cacheTokensDetails.modality=IMAGE.tokenCount",
        "input_audio": "promptTokensDetails.modality=AUDIO.tokenCount promptTokenDetails.modality=AUDIO.tokenCount",
        "input_image": "promptTokensDetails.modality=IMAGE.tokenCount promptTokenDetails.modality=IMAGE.tokenCount",
        "reasoning": "thoughtsTokenCount",
        "output_audio": "candidatesTokensDetails.modality=AUDIO.tokenCount"
        " responseTokensDetails.modality=AUDIO.tokenCount",
        "output_image": "candidatesTokensDetails.modality=IMAGE.tokenCount"
        " responseTokensDetails.modality=IMAGE.tokenCount",
    },
    output_includes_reasoning=False,
    surplus_is_reasoning=True,
)
# https://ai.google.dev/gemini-api/docs/interactions, which writes modalities in lower case.
INTERACTIONS: Final = Dialect.listed(
    {
        "input": "total_input_tokens",
        "input_tool": "total_tool_use_tokens",
        "output": "total_output_tokens",
        "total": "total_tokens",
        "cache_read": "total_cached_tokens",
        "cache_read_audio": "cached_tokens_by_modality.modality=AUDIO.tokens",
        "cache_read_image": "cached_tokens_by_modality.modality=IMAGE.tokens",
        "input_audio": "input_tokens_by_modality.modality=AUDIO.tokens",
        "input_image": "input_tokens_by_modality.modality=IMAGE.tokens",
        "reasoning": "total_thought_tokens",
        "output_audio": "output_tokens_by_modality.modality=AUDIO.tokens",
        "output_image": "output_tokens_by_modality.modality=IMAGE.tokens",
    },
    output_includes_reasoning=False,
    surplus_is_reasoning=True,
)
# https://docs.cohere.com/reference/chat: the bill counts billed_units, not tokens. LangChain's streams bring them bare.
_COHERE: Final = {
    "input": "billed_units.input_tokens meta.billed_units.input_tokens input_tokens",
    "output": "billed_units.output_tokens meta.billed_units.output_tokens output_tokens",
    "image_apart": "billed_units.image_tokens meta.billed_units.image_tokens",
    "input_images": "billed_units.images meta.billed_units.images",
    "rerank_searches": "billed_units.search_units meta.billed_units.search_units search_units",
}
COHERE: Final = Dialect.listed(_COHERE)
COHERE_TOKENS: Final = Dialect.listed({"input": "tokens.input_tokens", "output": "tokens.output_tokens"})


def _snake(name: str) -> str:
    return name if "=" in name else re.sub(r"([A-Z])", r"_\1", name).lower()


# The Python client writes the same fields in snake case.
GEMINI_PYTHON: Final = Dialect.of(
    {name: tuple(tuple(map(_snake, path)) for path in paths) for name, paths in GEMINI.paths.items()},
    output_includes_reasoning=False,
    surplus_is_reasoning=True,
)

_BY_KEY: Final = {
    "billed_units": COHERE,
    "search_units": COHERE,
    "generation_token_count": OPENAI,
    "image_pixels": VOYAGE,
    "prompt_n": LLAMA_CPP,
    "totalTokenCount": GEMINI,
    "promptTokenCount": GEMINI,
    "candidatesTokenCount": GEMINI,
    "thoughtsTokenCount": GEMINI,
    "total_token_count": GEMINI_PYTHON,
    "prompt_token_count": GEMINI_PYTHON,
    "candidates_token_count": GEMINI_PYTHON,
    "thoughts_token_count": GEMINI_PYTHON,
    "total_input_tokens": INTERACTIONS,
    "inputTokens": BEDROCK,
    "inputTokenCount": BEDROCK,
    "inputTextTokenCount": BEDROCK,
    "x-amzn-bedrock-input-token-count": BEDROCK,
    "input_tokens_details": OPENAI,
    "cache_read_input_tokens": ANTHROPIC,
    "cache_creation_input_tokens": ANTHROPIC,
    "cache_creation": ANTHROPIC,
}
_BY_PROVIDER: Final = {"anthropic": ANTHROPIC, "cohere": COHERE, "perplexity": PERPLEXITY}
_CHAT_BY_PROVIDER: Final = {"x-ai": XAI, "google": GOOGLE_CHAT, "perplexity": PERPLEXITY}
_PERPLEXITYS: Final = frozenset({"citation_tokens", "num_search_queries", "search_context_size"})


def dialect(payload: Mapping[str, Any], *, provider: str, api: str = "") -> Dialect:
    """The dialect a usage object is written in: the keys tell, since gateways answer in other providers' words."""
    if "prompt_tokens" in payload:
        return _chat(payload, provider)
    for key, spoken in _BY_KEY.items():
        if key in payload:
            return spoken
    if provider == "cohere" and isinstance(payload.get("tokens"), Mapping):
        return COHERE_TOKENS
    return ANTHROPIC if "anthropic" in api else _BY_PROVIDER.get(provider, OPENAI)


def _chat(payload: Mapping[str, Any], provider: str) -> Dialect:
    if provider in _CHAT_BY_PROVIDER:
        return _CHAT_BY_PROVIDER[provider]
    if "cache_write_input_tokens" in payload:
        return BEDROCK_HEADERS
    return OPENAI if _PERPLEXITYS.isdisjoint(payload) else PERPLEXITY
