"""Content: which attributes and events hold what was said, asked or retrieved, whoever wrote them.

None of it is stored unless the operator switches it on. Counts, models, names and ids are no content. The keys are
those of the OpenTelemetry GenAI conventions, which record content on request only
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/#capturing-instructions-inputs-and-outputs), and those
of the instrumentations that record it by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "OpenTelemetry GenAI": (
        "gen_ai.input.messages*",
        "gen_ai.output.messages*",
        "gen_ai.system_instructions*",
        "gen_ai.tool.definitions*",
        "gen_ai.tool.call.arguments*",
        "gen_ai.tool.call.result*",
        "gen_ai.retrieval.documents*",
        "gen_ai.retrieval.query.text",
        "gen_ai.memory.query.text",
        "gen_ai.memory.records*",
        "gen_ai.evaluation.explanation",
        "gen_ai.prompt",
        "gen_ai.prompt.*",
        "gen_ai.completion",
        "gen_ai.completion.*",
    ),
    "Sentry, OpenLIT": (
        "gen_ai.content.*",
        "gen_ai.request.messages",
        "gen_ai.request.available_tools",
        "gen_ai.response.text",
        "gen_ai.response.object",
        "gen_ai.response.tool_calls",
        "gen_ai.embeddings.input",
        "gen_ai.tool.input",
        "gen_ai.tool.output",
    ),
    "OpenInference": (
        "input.value",
        "input.images*",
        "input.audio*",
        "input.documents*",
        "output.value",
        "output.images*",
        "output.audio*",
        "output.documents*",
        "llm.input_messages*",
        "llm.output_messages*",
        "llm.prompts*",
        "llm.choices*",
        "llm.function_call*",
        "llm.tools*",
        "llm.prompt_template.template",
        "llm.prompt_template.variables*",
        "embedding.embeddings*",
        "embedding.text",
        "embedding.vector",
        "retrieval.documents*",
        "reranker.query",
        "reranker.input_documents*",
        "reranker.output_documents*",
        "document.*",
        "message.*",
        "message_content.*",
        "tool.parameters",
    ),
    "OpenLLMetry": (
        "traceloop.entity.input",
        "traceloop.entity.output",
        "traceloop.prompt.template",
        "traceloop.prompt.template_variables*",
        "llm.completions*",
        "llm.request.functions*",
        "crewai.agent.backstory",
        "crewai.agent.goal",
        "crewai.crew.result",
        "crewai.task.description",
        "crewai.task.expected_output",
    ),
    "Langfuse": (
        "langfuse.observation.input",
        "langfuse.observation.output",
        "langfuse.trace.input",
        "langfuse.trace.output",
    ),
    "LangSmith": ("langsmith.inputs*", "langsmith.outputs*"),
    "MLflow": ("mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.chat.messages", "mlflow.chat.tools"),
    "Vercel AI SDK": (
        "ai.prompt",
        "ai.prompt.*",
        "ai.response.text",
        "ai.response.object",
        "ai.response.reasoning",
        "ai.response.toolCalls",
        "ai.response.files",
        "ai.result.*",
        "ai.schema",
        "ai.toolCall.args",
        "ai.toolCall.input",
        "ai.toolCall.output",
        "ai.toolCall.result",
        "ai.value",
        "ai.values",
        "ai.embedding",
        "ai.embeddings",
        "ai.documents",
        "ai.ranking",
    ),
    "Logfire, Pydantic AI": (
        "all_messages_events",
        "events",
        "final_result",
        "model_request_parameters",
        "prompt",
        "pydantic_ai.all_messages",
        "request_data",
        "response_data",
        "tool_arguments",
        "tool_response",
    ),
    "LiteLLM": (
        "llm.anthropic.content",
        "llm.anthropic.messages",
        "llm.anthropic.system",
        "llm.anthropic.tools",
        "llm.openai.choices",
        "llm.openai.input",
        "llm.openai.messages",
        "llm.openai.output",
        "llm.openai.tools",
    ),
    "Google ADK": (
        "gcp.vertex.agent.data",
        "gcp.vertex.agent.llm_request",
        "gcp.vertex.agent.llm_response",
        "gcp.vertex.agent.tool_call_args",
        "gcp.vertex.agent.tool_response",
    ),
    "Haystack": (
        "haystack.component.input",
        "haystack.component.output",
        "haystack.pipeline.input_data",
        "haystack.pipeline.output_data",
    ),
    "Spring AI": ("db.vector.query.content", "db.vector.query.response.documents"),
}
"""By who writes them: keys, and with a star at the end all keys that begin so and end in no part of `HARMLESS`."""
HARMLESS: Final = frozenset(
    {"count", "finish_reason", "format", "id", "index", "key", "mime_type", "name", "role", "score", "type", "version"}
)
"""Last parts of keys that tell of a message or document without quoting it."""
EVENTS: Final = frozenset(
    {
        "db.query.embeddings",
        "db.query.result",
        "db.search.result",
        "gen_ai.assistant.message",
        "gen_ai.choice",
        "gen_ai.content.completion",
        "gen_ai.content.prompt",
        "gen_ai.system.message",
        "gen_ai.tool.message",
        "gen_ai.user.message",
        "new_token",
    }
)
"""Events whose attributes are content, but for harmless ones."""
_SYSTEMS: Final = frozenset({"gen_ai.system", "gen_ai.provider.name"})
_MOST_REMEMBERED: Final = 4096
_ALL: Final = tuple(key for keys in KEYS.values() for key in keys)
_WHOLE: Final = frozenset(key for key in _ALL if not key.endswith("*"))
_BEGINNINGS: Final = tuple(key.removesuffix("*") for key in _ALL if key.endswith("*"))


@lru_cache(_MOST_REMEMBERED)
def is_content(key: str) -> bool:
    """Whether an attribute of this key holds content."""
    return key in _WHOLE or (key.startswith(_BEGINNINGS) and key.rpartition(".")[2] not in HARMLESS)


def is_event_content(event: str, key: str) -> bool:
    """Whether an attribute of an event holds content."""
    if event in EVENTS:
        return key not in _SYSTEMS and key.rpartition(".")[2] not in HARMLESS
    return is_content(key)
