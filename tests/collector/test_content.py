from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.collector.test_forward import await_that, serving

from spanmeter.capture import VARIABLE
from spanmeter_collector.content import is_content, is_event_content
from spanmeter_collector.history import CHARGED_BY
from spanmeter_collector.row import read_span
from spanmeter_collector.vocabulary import COUNT_KEYS, OPERATION_KEYS, TEXT_KEYS

APPLICATION: Final = Path(__file__).parents[1] / "e2e" / "quoting.py"
SPANMETER: Final = str(Path(sys.executable).with_name("spanmeter"))
SECRET: Final = "strictly confidential"
MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]

QUOTING = [
    "gen_ai.input.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.prompt",
    "gen_ai.prompt.0.content",
    "gen_ai.prompt.2.tool_calls.0.arguments",
    "gen_ai.completion",
    "gen_ai.completion.0.content",
    "input.value",
    "output.value",
    "llm.input_messages.0.message.content",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments",
    "llm.prompts.0.prompt.text",
    "llm.prompt_template.variables",
    "retrieval.documents.3.document.content",
    "retrieval.documents.3.document.metadata",
    "embedding.embeddings.0.embedding.vector",
    "traceloop.entity.input",
    "langfuse.observation.output",
    "mlflow.spanInputs",
    "ai.prompt.messages",
    "ai.response.text",
    "ai.toolCall.result",
    "pydantic_ai.all_messages",
    "tool_response",
    "gcp.vertex.agent.llm_request",
    "haystack.component.input",
]
TELLING = [
    "gen_ai.prompt.0.role",
    "gen_ai.prompt.name",
    "gen_ai.completion.0.finish_reason",
    "gen_ai.output.type",
    "gen_ai.tool.call.id",
    "gen_ai.tool.name",
    "input.mime_type",
    "llm.input_messages.0.message.role",
    "llm.invocation_parameters",
    "llm.prompt_template.version",
    "retrieval.documents.3.document.id",
    "retrieval.documents.3.document.score",
    "traceloop.entity.name",
    "ai.prompt.format",
    "ai.response.finishReason",
    "exception.message",
    "exception.stacktrace",
    "metadata",
    "prompt.id",
    "input",
]


@pytest.mark.parametrize("key", QUOTING)
def test_what_was_said_is_content(key: str) -> None:
    assert is_content(key)


@pytest.mark.parametrize("key", TELLING)
def test_what_tells_of_a_message_without_quoting_it_is_none(key: str) -> None:
    assert not is_content(key)


def test_nothing_that_a_call_is_read_or_charged_by_is_content_but_langsmiths_completion() -> None:
    tables = (*TEXT_KEYS.values(), *COUNT_KEYS.values(), OPERATION_KEYS, CHARGED_BY)

    assert {key for keys in tables for key in keys if is_content(key)} == {"gen_ai.completion"}


@pytest.mark.parametrize(
    ("event", "key", "expected"),
    [
        ("gen_ai.user.message", "content", True),
        ("gen_ai.choice", "message", True),
        ("gen_ai.choice", "finish_reason", False),
        ("gen_ai.choice", "gen_ai.system", False),
        ("db.query.result", "db.query.result.document", True),
        ("db.query.result", "db.query.result.id", False),
        ("gen_ai.client.inference.operation.details", "gen_ai.input.messages", True),
        ("exception", "exception.message", False),
        ("retry", "content", False),
    ],
)
def test_events_of_messages_keep_only_what_quotes_nobody(event: str, key: str, *, expected: bool) -> None:
    assert is_event_content(event, key) is expected


def a_conversation(span: MakeSpan, **told: Any) -> Span:
    attributes = {"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "my secret", "k": "v", **told}
    sent = span(attributes=attributes)
    sent.events.add(name="gen_ai.user.message", time_unix_nano=5).attributes.add(
        key="content"
    ).value.string_value = "my secret"
    return sent


def test_a_row_holds_no_content(span: MakeSpan) -> None:
    row, reading = read_span({}, "x", a_conversation(span), received_at=1)

    assert row.attributes == reading.rest == {"gen_ai.prompt.0.role": "user", "k": "v"}
    assert json.loads(row.events) == [{"name": "gen_ai.user.message", "time": 5, "attributes": {}}]


def test_a_row_holds_content_where_that_is_switched_on(span: MakeSpan) -> None:
    row, _ = read_span({}, "x", a_conversation(span), received_at=1, content=True)

    assert row.attributes == {"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "my secret", "k": "v"}
    assert json.loads(row.events)[0]["attributes"] == {"content": "my secret"}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('{"generations":[[{"text":"my secret"}]]}', {"gen_ai.completion": '{"generations":[['}),
        ('{"messages":["my secret"]}', {}),
    ],
)
def test_of_a_langchain_run_told_by_langsmith_the_sign_stays(span: MakeSpan, said: str, kept: dict[str, str]) -> None:
    sent = span(attributes={"gen_ai.completion": said, "spanmeter.instrumented": True})

    row, reading = read_span({}, "langsmith", sent, received_at=1)

    assert (row.attributes, reading.inside_call) == (kept | {"spanmeter.instrumented": "true"}, bool(kept))


@pytest.mark.parametrize(("switch", "expected"), [({}, 0), ({"CONTENT": "on"}, 2)], ids=["off", "on"])
def test_no_content_reaches_the_store_unless_switched_on(
    start_sidecar: Callable[..., Any], span: MakeSpan, request_of: MakeRequest, switch: dict[str, str], expected: int
) -> None:
    sidecar = start_sidecar(**switch)
    body = request_of(a_conversation(span)).SerializeToString()
    assert sidecar.post("/v1/traces", body, content_type="application/x-protobuf").status_code == 200
    sidecar.settle()

    answer = json.dumps(sidecar.get(f"/api/v1/traces/{'0a' * 16}"))

    assert answer.count("my secret") == expected


ON = {VARIABLE: "SPAN_ONLY"}


@pytest.mark.parametrize(
    ("application", "switch", "stored"),
    [(ON, {"CONTENT": "on"}, True), (ON, {}, False), ({}, {"CONTENT": "on"}, False)],
    ids=["both on", "the sidecar off", "the application off"],
)
def test_what_an_application_says_is_stored_only_where_both_are_switched_on(
    start_sidecar: Callable[..., Any],
    tmp_path: Path,
    application: dict[str, str],
    switch: dict[str, str],
    *,
    stored: bool,
) -> None:
    sidecar = start_sidecar(**switch)
    _run([sys.executable, str(APPLICATION), sidecar.http], tmp_path, application)
    sidecar.settle()
    (listed,) = sidecar.get("/api/v1/traces")["traces"]

    answer = sidecar.get(f"/api/v1/traces/{listed['trace_id']}")
    shown = _run([SPANMETER, "trace", listed["trace_id"], "--url", sidecar.http], tmp_path, {})

    said = {span["name"]: span["content"] for span in answer["spans"] if span["content"] is not None}
    assert sorted(said) == (["chat GenericFakeChatModel", "execute_tool weigh", "retrieval Shelf"] if stored else [])
    assert answer["stores_content"] is bool(switch)
    assert [SECRET in text for text in (json.dumps(answer), shown)] == [stored, stored]
    if stored:
        chat = said["chat GenericFakeChatModel"]
        assert [message["role"] for message in (*chat["input"], *chat["output"])] == ["system", "user", "assistant"]
        assert f"  assistant: This is {SECRET} too\n" in shown
    else:
        assert VARIABLE in shown


def _run(command: list[str], home: Path, switches: dict[str, str]) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "SPANMETER_"))}
    environment = kept | {"SPANMETER_SPOOL_DIR": str(home / "spool"), "SPANMETER_HASH_KEY": "off"} | switches
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_an_application_says_is_redacted_before_it_is_stored_and_forwarded(
    start_sidecar: Callable[..., Any], tmp_path: Path
) -> None:
    rules = tmp_path / "redact.toml"
    rules.write_text(f'[[rules]]\nname = "secrets"\nmatch = "{SECRET}"\nreplacement = \'"gone"\'\n')
    with serving() as there:
        sidecar = start_sidecar(CONTENT="on", REDACT=str(rules), FORWARD=there.url)
        _run([sys.executable, str(APPLICATION), sidecar.http], tmp_path, ON)
        sidecar.settle()
        (listed,) = sidecar.get("/api/v1/traces")["traces"]
        answer = sidecar.get(f"/api/v1/traces/{listed['trace_id']}")
        await_that(lambda: b"gen_ai.output.messages" in b"".join(there.bodies))

    said = {span["name"]: span["content"] for span in answer["spans"] if span["content"] is not None}
    (reply,) = said["chat GenericFakeChatModel"]["output"]
    assert [part["text"] for part in reply["parts"]] == ['This is "gone" too']
    assert said["execute_tool weigh"]["result"] == 'the "gone" weight of a "gone" question'
    assert SECRET not in json.dumps(answer)
    assert SECRET.encode() not in b"".join(there.bodies)
    kept = [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert not [file for file in kept if SECRET.encode() in file]
