"""`spanmeter doctor`, as a process, with and without a sidecar."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spanmeter.doctor.delivery import deliver
from spanmeter_collector import doctor_sidecar

LEVELS = {"ok", "skipped", "warning"}


def doctor(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPANMETER_", "OTEL_"))}
    environ = kept | {"SPANMETER_SPOOL_DIR": str(folder / "spool")} | environment
    command = [sys.executable, "-m", "spanmeter_collector", "doctor", *words]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=180)


def test_all_is_well_in_an_environment_that_is_tested(sidecar: Any, tmp_path: Path) -> None:
    told = doctor(tmp_path, "--json", "--send", OTEL_EXPORTER_OTLP_ENDPOINT=sidecar.http)
    answer = json.loads(told.stdout)
    assert (told.returncode, told.stderr) == (0, "")
    assert {finding["level"] for finding in answer["findings"]} <= LEVELS
    replayed = [each["check"] for each in answer["findings"] if each["level"] == "ok" and "replay" in each["check"]]
    assert set(replayed) == {"LangChain replay", "LlamaIndex replay"}
    assert [each["text"] for each in answer["findings"] if each["check"] in {"delivery", "sidecar"}] == [
        f"{sidecar.http}/v1/traces took one span, with the headers that applications send",
        f"{sidecar.http} is ready",
        f"{sidecar.http} is of this version, 0.1.0, and answers questions",
        f"the span that was sent is stored: spanmeter trace {answer['sent']} (1 span)",
    ]
    assert sidecar.get("/api/v1/cost?since=5m&service=spanmeter-doctor")["total"]["calls"] == 0


def test_a_problem_is_told_with_what_to_do_and_fails(tmp_path: Path) -> None:
    # A replay that cannot import what the user names ends at once.
    told = doctor(tmp_path, "--import", "not_there", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert (told.returncode, told.stderr) == (1, "")
    lines = told.stdout.splitlines()
    assert lines[0] == f"Spanmeter 0.1.0 on Python {sys.version.split()[0]} at {sys.executable}"
    start = lines.index(
        "problem  LangChain replay        it did not run: ModuleNotFoundError: No module named 'not_there'"
    )
    assert lines[start + 1].strip().startswith("-> see why with: ")
    unreached = "problem  delivery                nobody takes spans at http://127.0.0.1:9/v1/traces: "
    assert any(line.startswith(unreached) for line in lines)
    assert lines[-1] == "3 problems; what to do stands behind ->."


@pytest.mark.parametrize(
    ("url", "level", "text"),
    [
        ("", "warning", "{other} is no Spanmeter sidecar"),
        ("{sidecar}", "warning", "applications in this environment send to {other}, not to {sidecar}"),
    ],
)
def test_another_collector_is_told_from_the_sidecar(sidecar: Any, url: str, level: str, text: str) -> None:
    places = {"sidecar": sidecar.http, "other": "http://127.0.0.1:9"}
    told = next(doctor_sidecar.ask_sidecar("http://127.0.0.1:9/v1/traces", url=url.format(**places), sent=""))
    assert (told["level"], told["text"]) == (level, text.format(**places))


def test_a_sidecar_that_asks_for_a_token_is_a_problem_without_it(start_sidecar: Any) -> None:
    guarded = start_sidecar(QUERY_TOKEN="secret")
    told = list(doctor_sidecar.ask_sidecar(f"{guarded.http}/v1/traces", url="", sent=""))
    assert [(finding["level"], finding["text"]) for finding in told] == [
        ("ok", f"{guarded.http} is ready"),
        ("problem", f"{guarded.http} does not answer questions"),
    ]
    assert told[1]["advice"].startswith("the sidecar asks for its token; set SPANMETER_QUERY_TOKEN")


def test_a_span_that_is_never_stored_is_a_problem(sidecar: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_sidecar, "STORED_WITHIN_S", 0.0)
    *_, told = doctor_sidecar.ask_sidecar(f"{sidecar.http}/v1/traces", url="", sent="0f" * 16)
    assert (told["level"], told["text"].partition(":")[0]) == (
        "problem",
        "the span that was sent is not stored after 0 s",
    )


def test_a_token_that_is_missing_is_a_problem_and_one_that_is_right_is_none(
    start_sidecar: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = start_sidecar(INGEST_TOKEN="secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", guarded.http)
    refused = deliver(send=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret")
    taken = deliver(send=True)
    assert refused is not None
    assert taken is not None
    url = f"{guarded.http}/v1/traces"
    assert (refused.finding.level, refused.finding.text) == ("problem", f"{url} refuses spans: 401 Unauthorized")
    assert refused.finding.advice.startswith("set OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20<")
    assert (taken.finding.level, taken.url, len(taken.trace_id)) == ("ok", url, 32)


def test_a_malformed_address_is_left_to_the_check_of_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere")
    assert deliver(send=False) is None
