"""Where OTLP goes, as the standard variables tell."""

from __future__ import annotations

import pytest

from spanmeter.destination import Destination

ADDRESS = "expected http:// or https://, a host and, if need be, a port"


@pytest.fixture(autouse=True)
def _told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENDPOINT", "HEADERS", "COMPRESSION", "TIMEOUT", "CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_TRACES_{name}", raising=False)


def test_addresses_of_a_signal_are_found_in_the_usual_order(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Destination.of("traces", None).url == "http://127.0.0.1:4318/v1/traces"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://general:1")
    assert Destination.of("traces", None).url == "http://general:1/v1/traces"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://exact:1/spans")
    assert Destination.of("traces", None).url == "http://exact:1/spans"
    assert Destination.of("metrics", None).url == "http://general:1/v1/metrics"
    assert Destination.of("traces", "http://given:1").url == "http://given:1/v1/traces"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("COMPRESSION", "zstd", "OTEL_EXPORTER_OTLP_COMPRESSION='zstd': expected none, gzip or deflate"),
        ("TIMEOUT", "soon", "OTEL_EXPORTER_OTLP_TIMEOUT='soon': expected a number of seconds over 0"),
        ("ENDPOINT", "localhost:4318", "OTEL_EXPORTER_OTLP_ENDPOINT='localhost:4318': " + ADDRESS),
        ("ENDPOINT", "grpc://a:4317", "OTEL_EXPORTER_OTLP_ENDPOINT='grpc://a:4317': " + ADDRESS),
        ("TRACES_ENDPOINT", "http://:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT='http://:4318': " + ADDRESS),
        ("CERTIFICATE", "/no/ca.pem", "OTEL_EXPORTER_OTLP_CERTIFICATE='/no/ca.pem': expected a file that exists"),
        ("CLIENT_KEY", "/no/key.pem", "OTEL_EXPORTER_OTLP_CLIENT_KEY='/no/key.pem': expected a file that exists"),
        ("HEADERS", "a=b%0Ac", "OTEL_EXPORTER_OTLP_HEADERS: the value of 'a' has to be printable ASCII"),
        ("TIMEOUT", "inf", "OTEL_EXPORTER_OTLP_TIMEOUT='inf': expected a number of seconds over 0"),
        ("TIMEOUT", "nan", "OTEL_EXPORTER_OTLP_TIMEOUT='nan': expected a number of seconds over 0"),
        ("TIMEOUT", "0", "OTEL_EXPORTER_OTLP_TIMEOUT='0': expected a number of seconds over 0"),
    ],
)
def test_a_malformed_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)

    with pytest.raises(ValueError) as raised:
        Destination.of("traces", None)

    assert str(raised.value) == message
