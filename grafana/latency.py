"""How long answers took: panels over the convention's duration histograms."""

from __future__ import annotations

from typing import Final

from panels import SECONDS, Chart, Figure, Panel, Query
from promql import CLIENT, quantile, select

DURATION = select("gen_ai_client_operation_duration_seconds_bucket", scope=CLIENT)
OF_MODELS = select("gen_ai_client_operation_duration_seconds_bucket", 'gen_ai_request_model!=""', scope=CLIENT)
ANSWERS = select(
    "gen_ai_client_operation_duration_seconds_bucket",
    'gen_ai_operation_name=~"chat|generate_content|text_completion"',
    scope=CLIENT,
)
FIRST_CHUNK = select("gen_ai_client_operation_time_to_first_chunk_seconds_bucket", scope=CLIENT)

FIGURES: Final = (
    Figure(
        Panel(
            "p95 of answers",
            "95 % of chat and completion calls in the time range took at most this long, from "
            "gen_ai_client_operation_duration_seconds. If it rises, compare 'p95 duration by model'.",
            SECONDS,
            (Query(quantile(0.95, ANSWERS, window="$__range"), "p95"),),
        )
    ),
)
"""The p95 of the model's answers."""

CHARTS: Final = (
    Chart(
        Panel(
            "Duration by operation",
            "Median and 95th percentile of gen_ai_client_operation_duration_seconds by operation. A slow retrieval "
            "or embedding delays every answer behind it; a trace in the cost explorer shows which.",
            SECONDS,
            (
                Query(quantile(0.5, DURATION, "gen_ai_operation_name"), "{{gen_ai_operation_name}} p50"),
                Query(quantile(0.95, DURATION, "gen_ai_operation_name"), "{{gen_ai_operation_name}} p95"),
            ),
        )
    ),
    Chart(
        Panel(
            "p95 duration by model",
            "95th percentile of gen_ai_client_operation_duration_seconds by requested model. One model alone "
            "points to its provider; long answers also raise it: compare output in 'Tokens by component'.",
            SECONDS,
            (Query(quantile(0.95, OF_MODELS, "gen_ai_request_model"), "{{gen_ai_request_model}}"),),
        )
    ),
    Chart(
        Panel(
            "p95 time to first chunk",
            "95th percentile of gen_ai_client_operation_time_to_first_chunk_seconds of streamed answers by "
            "requested model: what a reader waits before text appears. Long prompts raise it, cache hits lower it.",
            SECONDS,
            (Query(quantile(0.95, FIRST_CHUNK, "gen_ai_request_model"), "{{gen_ai_request_model}}"),),
        )
    ),
)
"""p50 and p95 by operation, p95 by model, time to the first chunk."""
