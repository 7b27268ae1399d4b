"""Which attribute keys say what, whichever instrumentation wrote them: one table for each kind of value.

The keys are those of the OpenTelemetry GenAI conventions (new and old names), ours, OpenInference
(https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md), Traceloop and LiteLLM
(https://github.com/traceloop/openllmetry), Langfuse (https://langfuse.com/integrations/native/opentelemetry), MLflow
and Vercel's AI SDK (https://ai-sdk.dev/docs/ai-sdk-core/telemetry). Of several keys for one thing the first that has a
value wins. Objects in one attribute are in `raw_usage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from spanmeter import semconv
from spanmeter.pricing.usage import BUCKETS

TEXT_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "framework": (semconv.FRAMEWORK,),
    "provider": (
        semconv.PROVIDER_NAME,
        "gen_ai.system",
        "llm.provider",
        "llm.system",
        "mlflow.llm.provider",
        "ai.model.provider",
    ),
    "request_model": (
        semconv.REQUEST_MODEL,
        "llm.request.model_name",
        "llm.model_name",
        "embedding.model_name",
        "reranker.model_name",
        "langfuse.observation.model.name",
        "mlflow.llm.model",
        "ai.model.id",
    ),
    "model": (semconv.RESPONSE_MODEL, "llm.response.model_name", "ai.response.model"),
    "response_id": (semconv.RESPONSE_ID, "ai.response.id"),
    "error_type": (semconv.ERROR_TYPE,),
    "outcome": (semconv.OUTCOME,),
    "user": (semconv.USER_ID, "enduser.id", "gen_ai.user", "llm.user", "traceloop.association.properties.user_id"),
    "session": (semconv.CONVERSATION_ID, "session.id", "traceloop.association.properties.session_id"),
    "tenant": (semconv.TENANT,),
    "feature": (semconv.FEATURE,),
    "team": (semconv.TEAM,),
    "service_tier": (
        semconv.OPENAI_SERVICE_TIER,
        "gen_ai.openai.response.service_tier",
        "anthropic.response.service_tier",
    ),
    "region": (semconv.PRICE_REGION,),
}
_OWN_COUNTS: Final = {
    bucket: (semconv.USAGE_PREFIX + bucket,)
    for bucket in BUCKETS
    if bucket not in {"input", "output", "cache_read", "reasoning"}
}
COUNT_KEYS: Final[Mapping[str, tuple[str, ...]]] = _OWN_COUNTS | {
    "input_total": (
        semconv.INPUT_TOKENS,
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",
    ),
    "output_total": (
        semconv.OUTPUT_TOKENS,
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
    ),
    "cache_read": (
        semconv.CACHE_READ_TOKENS,
        "gen_ai.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
        "ai.usage.inputTokenDetails.cacheReadTokens",
        "ai.usage.cachedInputTokens",
    ),
    "cache_write": (
        semconv.CACHE_CREATION_TOKENS,
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
    ),
    "cache_write_1h": (
        *_OWN_COUNTS["cache_write_1h"],
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    ),
    "reasoning": (
        semconv.REASONING_TOKENS,
        "gen_ai.usage.reasoning_tokens",
        "llm.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "gen_ai.usage.details.reasoning_tokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
        "ai.usage.reasoningTokens",
    ),
    "input_audio": (
        *_OWN_COUNTS["input_audio"],
        "gen_ai.usage.audio.input_tokens",
        "llm.token_count.prompt_details.audio",
    ),
    "output_audio": (
        *_OWN_COUNTS["output_audio"],
        "gen_ai.usage.audio.output_tokens",
        "llm.token_count.completion_details.audio",
    ),
}
MAKERS: Final[Mapping[str, str]] = {
    "gpt-": "openai",
    "o1": "openai",
    "o3": "openai",
    "o4-": "openai",
    "text-embedding-3-": "openai",
    "claude-": "anthropic",
    "gemini-": "gcp.gemini",
    "mistral-": "mistral_ai",
    "command-": "cohere",
    "deepseek-": "deepseek",
    "grok-": "x_ai",
}
"""Who makes the models whose names begin so: the provider where the sender names none, as Langfuse does not."""
OPERATION_NAMES: Final[Mapping[str, str]] = {
    "completion": "chat",
    "acompletion": "chat",
    "atext_completion": "text_completion",
    "anthropic_messages": "chat",
    "aanthropic_messages": "chat",
    "message": "chat",
    "responses": "chat",
    "aresponses": "chat",
    "embedding": "embeddings",
    "aembedding": "embeddings",
    "arerank": "rerank",
}
"""Names of operations that senders write in the place of the convention's: LiteLLM those of its functions."""
OPERATION_KEYS: Final[Mapping[str, Mapping[str, str] | None]] = {
    semconv.OPERATION_NAME: None,
    semconv.OPERATION: None,
    "openinference.span.kind": {
        "LLM": "chat",
        "EMBEDDING": "embeddings",
        "RETRIEVER": "retrieval",
        "RERANKER": "rerank",
        "TOOL": "execute_tool",
        "AGENT": "invoke_agent",
        "CHAIN": "chain",
    },
    "llm.request.type": {**OPERATION_NAMES, "completion": "text_completion"},
    "traceloop.span.kind": {
        "workflow": "invoke_workflow",
        "task": "chain",
        "agent": "invoke_agent",
        "tool": "execute_tool",
    },
    "langfuse.observation.type": {
        "generation": "chat",
        "embedding": "embeddings",
        "retriever": "retrieval",
        "tool": "execute_tool",
        "agent": "invoke_agent",
        "span": "",
    },
    "ai.operationId": {
        "ai.generateText.doGenerate": "chat",
        "ai.streamText.doStream": "chat",
        "ai.generateObject.doGenerate": "chat",
        "ai.streamObject.doStream": "chat",
        "ai.embed.doEmbed": "embeddings",
        "ai.embedMany.doEmbed": "embeddings",
        "ai.rerank.doRerank": "rerank",
        "ai.toolCall": "execute_tool",
    },
    "mlflow.spanType": {
        '"CHAT_MODEL"': "chat",
        '"LLM"': "chat",
        '"EMBEDDING"': "embeddings",
        '"RERANKER"': "rerank",
        '"RETRIEVER"': "retrieval",
        '"TOOL"': "execute_tool",
        '"AGENT"': "invoke_agent",
        '"CHAIN"': "chain",
    },
}
