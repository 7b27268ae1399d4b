"""What variables of the environment do to the figures."""

from __future__ import annotations

import pytest

from spanmeter.doctor import variables
from spanmeter.doctor.finding import Finding

DEFAULT = Finding.ok(
    "OTEL_* variables",
    "spans are sent to http://127.0.0.1:4318/v1/traces (by default), unless spanmeter.instrument(endpoint=…) says "
    "otherwise",
)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


def test_without_variables_only_the_destination_is_told() -> None:
    assert variables.check({}) == [DEFAULT]


@pytest.mark.parametrize(
    ("environ", "level", "text"),
    [
        ({"OTEL_SDK_DISABLED": "True"}, "problem", "OTEL_SDK_DISABLED=true: spanmeter.instrument() does nothing"),
        (
            {"OTEL_TRACES_SAMPLER": "parentbased_always_off"},
            "problem",
            "OTEL_TRACES_SAMPLER=parentbased_always_off: no span reaches the ledger",
        ),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
            "problem",
            "OTEL_TRACES_SAMPLER=traceidratio keeps 25.0% of the traces: the ledger lacks the others",
        ),
        (
            {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "16"},
            "problem",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=16: so few attributes a span may have may cut off tokens or names",
        ),
        (
            {"OTEL_BSP_MAX_QUEUE_SIZE": "512"},
            "warning",
            "OTEL_BSP_MAX_QUEUE_SIZE=512: a burst of spans overflows so small a queue",
        ),
    ],
)
def test_what_keeps_calls_out_of_the_ledger_is_told(environ: dict[str, str], level: str, text: str) -> None:
    told, destination = variables.check(environ)
    assert (told.level, told.text, destination) == (level, text, DEFAULT)


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_SDK_DISABLED": "false"},
        {"OTEL_TRACES_SAMPLER": "parentbased_always_on"},
        {"OTEL_TRACES_SAMPLER": "traceidratio"},
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "128"},
    ],
)
def test_harmless_variables_are_not_mentioned(environ: dict[str, str]) -> None:
    assert variables.check(environ) == [DEFAULT]


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (
            "nowhere",
            "OTEL_EXPORTER_OTLP_ENDPOINT='nowhere': expected http:// or https://, a host and, if need be, a port",
        ),
        (
            "http://otel:4317",
            "OTEL_EXPORTER_OTLP_ENDPOINT names port 4317, which speaks gRPC; Spanmeter sends OTLP over HTTP",
        ),
    ],
)
def test_an_address_that_cannot_work_is_a_problem(monkeypatch: pytest.MonkeyPatch, endpoint: str, text: str) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    (told,) = variables.check({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
    assert (told.level, told.text) == ("problem", text)
