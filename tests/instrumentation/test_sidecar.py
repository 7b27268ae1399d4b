"""Where processes that share budgets meet: who takes their spans, or who is named."""

from __future__ import annotations

import pytest

from spanmeter.sidecar import sidecar

COLLECTOR = "http://collector:4318"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPANMETER_SIDECAR", "SPANMETER_SIDECAR_TOKEN", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=acme")


def told(given: str | None = None) -> tuple[str, dict[str, str]]:
    destination = sidecar(given, endpoint=COLLECTOR)
    return destination.url, dict(destination.headers)


def test_without_a_name_it_is_who_takes_the_spans() -> None:
    assert told() == ("http://collector:4318/v1/traces", {"x-tenant": "acme"})


def test_one_that_is_named_gets_its_own_token_and_nothing_meant_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANMETER_SIDECAR", "http://spanmeter:4318/")
    assert told() == ("http://spanmeter:4318/v1/traces", {})
    monkeypatch.setenv("SPANMETER_SIDECAR_TOKEN", "secret")
    assert told("https://other") == ("https://other/v1/traces", {"authorization": "Bearer secret"})


@pytest.mark.parametrize("address", ["spanmeter:4318", "ftp://spanmeter", "http://"])
def test_what_is_no_address_stops_the_start(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANMETER_SIDECAR", address)
    with pytest.raises(ValueError, match=r"^SPANMETER_SIDECAR=.*: expected http:// or https://, a host"):
        told()


def test_a_token_that_no_header_can_carry_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANMETER_SIDECAR_TOKEN", "sécret")
    with pytest.raises(ValueError, match=r"^SPANMETER_SIDECAR_TOKEN: the token has to be printable ASCII$"):
        told()
