"""Attribute keys and the closed sets of their values.

Standard keys follow the OpenTelemetry GenAI semantic conventions 1.41.1
(https://github.com/open-telemetry/semantic-conventions/tree/v1.41.1/docs/gen-ai);
`spanmeter.*` exists only where the convention has no key.
"""

from __future__ import annotations

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.41.1"
SCOPE: Final = "spanmeter"
LANGSMITH_SCOPE: Final = "langsmith"

OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_CREATION_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
AGENT_NAME: Final = "gen_ai.agent.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
RETRIEVAL_QUERY: Final = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
ERROR_TYPE: Final = "error.type"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
USER_ID: Final = "user.id"
SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
OPENAI_SERVICE_TIER: Final = "openai.response.service_tier"

OPERATION: Final = "spanmeter.operation"
FRAMEWORK: Final = "spanmeter.framework"
TENANT: Final = "spanmeter.tenant"
FEATURE: Final = "spanmeter.feature"
TEAM: Final = "spanmeter.team"
TAG_PREFIX: Final = "spanmeter.tag."
WRAPPER: Final = "spanmeter.wrapper"
INSIDE_CALL: Final = "spanmeter.inside_call"
INSTRUMENTED: Final = "spanmeter.instrumented"
CACHE_HIT: Final = "spanmeter.cache.hit"
CACHE_NAME: Final = "spanmeter.cache.name"
CACHE_RESULT: Final = "spanmeter.cache.result"
CACHE_HITS: Final = "spanmeter.cache.hits"
CACHE_MISSES: Final = "spanmeter.cache.misses"
CACHE_UNPRICED_HITS: Final = "spanmeter.cache.unpriced_hits"
CACHE_SAVED_USD: Final = "spanmeter.cache.saved_usd"
CALLS: Final = "spanmeter.calls"
NODE: Final = "spanmeter.node"
OUTCOME: Final = "spanmeter.outcome"
USAGE_PREFIX: Final = "spanmeter.usage."
USAGE_GRADE: Final = "spanmeter.usage.grade"
USAGE_METHOD: Final = "spanmeter.usage.method"
USAGE_ERROR_BAND: Final = "spanmeter.usage.error_band"
USAGE_NOTES: Final = "spanmeter.usage.notes"
USAGE_PARTS: Final = "spanmeter.usage.parts"
PRICE_REGION: Final = "spanmeter.price.region"
PROMPT_HASH: Final = "spanmeter.prompt.hash"
PROMPT_PREFIXES: Final = "spanmeter.prompt.prefixes"
PROMPT_BYTES: Final = "spanmeter.prompt.bytes"
PROMPT_REPEATED_BYTES: Final = "spanmeter.prompt.repeated_bytes"
COST_USD: Final = "spanmeter.cost.usd"
COST_GRADE: Final = "spanmeter.cost.grade"
REPORTED_COST_USD: Final = "spanmeter.reported_cost.usd"
BUDGET: Final = "spanmeter.budget"
DOWNGRADED_FROM: Final = "spanmeter.budget.downgraded_from"
DOCUMENT_COUNT: Final = "spanmeter.retrieval.document_count"
TOP_SCORE: Final = "spanmeter.retrieval.top_score"
DOCUMENT_BYTES: Final = "spanmeter.retrieval.document_bytes"

COUNTER_PREFIX: Final = "spanmeter.client."
COUNTER_REASON: Final = "spanmeter.reason"
COUNTER_SAMPLED: Final = "spanmeter.sampled"

CACHE_OPERATION: Final = "cache"
OTHER_CACHE: Final = "llm"
"""The name of whatever cache of the application answered a model call that we did not see it ask."""

GENERATION_OPERATIONS: Final = frozenset({"chat", "text_completion", "generate_content"})
STANDARD_OPERATIONS: Final = GENERATION_OPERATIONS | {
    "embeddings",
    "retrieval",
    "execute_tool",
    "invoke_agent",
    "invoke_workflow",
}
CALL_OPERATIONS: Final = GENERATION_OPERATIONS | {"embeddings", "rerank"}

DURATION_BUCKETS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKEN_BUCKETS: Final = tuple(4**power for power in range(14))
