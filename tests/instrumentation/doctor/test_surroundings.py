"""What a replay may know of the user's environment."""

from __future__ import annotations

from spanmeter.doctor.surroundings import quiet

KEPT = {
    "PATH": "/bin",
    "VIRTUAL_ENV": "/venv",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis",
    "SPANMETER_PRICES": "prices.toml",
}
LEFT_OUT = {
    "OPENAI_API_KEY": "sk-1",
    "MY_GATEWAY_BASE_URL": "https://gateway",
    "ANTHROPIC_BASE_URL": "https://gateway",
    "https_proxy": "http://proxy",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector",
    "OTEL_SDK_DISABLED": "true",
    "HF_TOKEN": "hf_1",
    "AWS_PROFILE": "prod",
    "SPANMETER_SPOOL_DIR": "/spool",
}


def test_keys_addresses_and_exporters_do_not_reach_the_replay() -> None:
    quieted = quiet(KEPT | LEFT_OUT | {"LANGSMITH_TRACING": "true", "SPANMETER_SPOOL_MB": "256"})
    assert {name: quieted.get(name) for name in KEPT} == KEPT
    assert not quieted.keys() & LEFT_OUT.keys()
    assert (quieted["LANGSMITH_TRACING"], quieted["SPANMETER_SPOOL_MB"], quieted["OTEL_TRACES_EXPORTER"]) == (
        "false",
        "0",
        "none",
    )
