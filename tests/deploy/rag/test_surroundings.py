from __future__ import annotations

from pathlib import Path

import pytest

from spanmeter_rag.surroundings import data_directory, for_service, for_sidecar, missing_for_content, plain

CAPTURED, STORED = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPANMETER_CONTENT"

SHELL = {
    "PATH": "/bin",
    "NO_PROXY": "example.org",
    "OTEL_SDK_DISABLED": "true",
    "SPANMETER_STORE": "clickhouse://elsewhere",
    "LANGSMITH_TRACING": "true",
    "OPENAI_API_KEY": "secret",
    "OPENAI_ORG_ID": "org",
}
DIRECT = {"PATH": "/bin", "NO_PROXY": "example.org,127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def test_nothing_of_the_shell_points_a_part_elsewhere() -> None:
    assert plain(SHELL) == DIRECT


def test_the_sidecar_is_told_its_addresses_and_its_data() -> None:
    assert for_sidecar(SHELL, port=1, grpc_port=2, data=Path("/data")) == DIRECT | {
        "SPANMETER_LISTEN": "127.0.0.1:1",
        "SPANMETER_GRPC_LISTEN": "127.0.0.1:2",
        "SPANMETER_DATA_DIR": "/data",
    }


def test_the_service_asks_the_local_provider_without_the_shell_s_key() -> None:
    service = for_service(SHELL, port=1, sidecar_url="http://s", provider_url="http://p")
    assert service == DIRECT | {
        "RAG_LISTEN": "127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://s",
        "OTEL_BSP_SCHEDULE_DELAY": "1000",
        "OPENAI_BASE_URL": "http://p/v1",
        "OPENAI_API_KEY": "local",
    }


def test_live_it_asks_openai_with_the_shell_s_key() -> None:
    service = for_service(SHELL, port=1, sidecar_url="http://s", provider_url=None)
    assert (service["OPENAI_BASE_URL"], service["OPENAI_API_KEY"]) == ("https://api.openai.com/v1", "secret")


def test_simulated_data_is_kept_apart_unless_a_place_is_given() -> None:
    assert data_directory({"HOME": "/home/u"}) == Path("/home/u/.local/share/spanmeter-demo")
    assert data_directory({"HOME": "/home/u", "XDG_DATA_HOME": "/d"}) == Path("/d/spanmeter-demo")
    assert data_directory({"SPANMETER_DATA_DIR": "/mine"}) == Path("/mine")


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({}, f"{CAPTURED}=true {STORED}=on"),
        ({CAPTURED: "false", STORED: "off"}, f"{CAPTURED}=true {STORED}=on"),
        ({STORED: "on"}, f"{CAPTURED}=true"),
        ({CAPTURED: "SPAN_ONLY"}, f"{STORED}=on"),
        ({CAPTURED: "true", STORED: "on"}, ""),
    ],
    ids=["neither", "both off", "only stored", "only sent", "both"],
)
def test_what_is_missing_for_prompts_in_traces_is_named(environment: dict[str, str], missing: str) -> None:
    assert missing_for_content(environment) == missing
