"""The environment that a replay runs in: without keys, other addresses, proxies and exporters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_KEPT: Final = frozenset({"SPANMETER_PRICES"})
_LEFT_OUT: Final = re.compile(
    r"^(?!OTEL_PYTHON_)(OTEL_|SPANMETER_|OPENAI_|ANTHROPIC_|AZURE_|AWS_|GOOGLE_|GEMINI_|VERTEX|MISTRAL_|COHERE_|CO_"
    r"|GROQ_|DEEPSEEK_|LANGCHAIN_|LANGSMITH_|LANGFUSE_|TRACELOOP_|PHOENIX_|OPENLIT_|LOGFIRE_)"
    r"|KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|ENDPOINT|BASE_URL|API_BASE|PROXY"
)
_SET: Final[Mapping[str, str]] = {
    "ANONYMIZED_TELEMETRY": "false",
    "AWS_EC2_METADATA_DISABLED": "true",
    "HF_HUB_OFFLINE": "1",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "LOGFIRE_SEND_TO_LOGFIRE": "false",
    "NO_PROXY": "*",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_TRACES_EXPORTER": "none",
    "SPANMETER_SPOOL_MB": "0",
    "TRACELOOP_TELEMETRY": "false",
}


def quiet(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what could lead anywhere but to loopback, and without any key.

    The variables of the auto-instrumentation (`OTEL_PYTHON_*`) and the user's prices stay.
    """
    kept = {name: value for name, value in environ.items() if name in _KEPT or not _LEFT_OUT.search(name.upper())}
    return {**kept, **_SET}
