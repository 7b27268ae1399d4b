"""The command `spanmeter`, as a process, against a running sidecar."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

START = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=2)
SINCE, UNTIL = START - timedelta(minutes=1), START + timedelta(minutes=1)
PERIOD = f"from {SINCE:%Y-%m-%d %H:%M:%S} to {UNTIL:%Y-%m-%d %H:%M:%S} UTC"
TIMES = ["--since", f"{SINCE:%Y-%m-%dT%H:%M:%SZ}", "--until", f"{UNTIL:%Y-%m-%dT%H:%M:%SZ}"]
TRACE = "5b" * 16


def spanmeter(*words: str, url: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spanmeter_collector", *words, *(["--url", url] if url else [])]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SPANMETER_")}
    return subprocess.run(command, env=kept | environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a sidecar that holds one trace and runs in a zone that is not UTC."""
    settings = {
        "SPANMETER_LISTEN": "127.0.0.1:0",
        "SPANMETER_GRPC_LISTEN": "127.0.0.1:0",
        "SPANMETER_DATA_DIR": str(tmp_path_factory.mktemp("sidecar")),
        "TZ": "Asia/Kolkata",
    }
    command = [sys.executable, "-m", "spanmeter_collector", "collector"]
    with subprocess.Popen(command, env=os.environ | settings, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            ready = next(json.loads(line) for line in process.stderr if '"message": "ready"' in line)
            url = f"http://{ready['http']}"
            send(url, trace())
            wait_for(url, calls=2)
            yield url
        finally:
            process.terminate()
            process.stderr.read()
        assert process.wait(30) == 0


def send(url: str, body: object) -> None:
    request = Request(f"{url}/v1/traces", json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(request, timeout=10) as response:
        assert response.status == 200


def wait_for(url: str, *, calls: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with urlopen(f"{url}/api/v1/cost", timeout=10) as response:
            if json.load(response)["total"]["calls"] == calls:
                return
        time.sleep(0.1)
    raise AssertionError(f"the sidecar did not store {calls} calls within 30 s")


def trace() -> dict[str, Any]:
    failed = {"status": {"code": 2}, "attributes": attributes(chat("gpt-4o-mini") | {"error.type": "RateLimitError"})}
    spans = [
        span((1, 0), "answer", (0, 2000), attributes=attributes({"spanmeter.operation": "chain"})),
        span((2, 1), "retrieve", (100, 300), attributes=attributes({"gen_ai.operation.name": "retrieval"})),
        span((3, 1), "chat gpt-4o-mini", (400, 600), **failed),
        span((4, 1), "chat gpt-4o-mini", (1000, 1000), attributes=attributes(chat("gpt-4o-mini", 1000, 500))),
        span((5, 2), "chat mystery-1", (150, 200), attributes=attributes(chat("mystery-1", 40, 8))),
    ]
    resource = {"attributes": attributes({"service.name": "shop"})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "test"}, "spans": spans}]}]}


def chat(model: str, used_input: int = 0, used_output: int = 0) -> dict[str, Any]:
    call: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "spanmeter.framework": "langchain",
    }
    usage = {"gen_ai.usage.input_tokens": used_input, "gen_ai.usage.output_tokens": used_output}
    return call | usage if used_input else call


def span(ids: tuple[int, int], name: str, at_and_for_ms: tuple[int, int], **known: Any) -> dict[str, Any]:
    number, parent = ids
    at, ms = at_and_for_ms
    start = round((START + timedelta(milliseconds=at)).timestamp() * 1000) * 1_000_000
    return {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": name,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + ms * 1_000_000),
        **known,
    }


def attributes(known: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in known.items()
    ]


def test_the_bill(sidecar: str) -> None:
    bill = spanmeter("cost", *TIMES, url=sidecar)
    assert (bill.returncode, bill.stderr) == (0, "")
    assert (
        bill.stdout
        == f"""\
Cost {PERIOD}

model        calls  failed  unpriced  input  cached  output       cost
gpt-4o-mini      1       1         0  1,000       0     500  $0.000450
mystery-1        1       0         1     40       0       8    unknown
-----------  -----  ------  --------  -----  ------  ------  ---------
                 2       1         1  1,040       0     508  $0.000450

Priced: 50.0 % of 2 calls; what the other 1 cost is unknown and not in the total.

Without a known price:

provider  model      calls  input  output
openai    mystery-1      1     40       8

Give them prices in the file that SPANMETER_PRICES names (spanmeter prices MODEL says why one has none), then run: \
spanmeter reprice
"""
    )


def test_the_bill_by_other_dimensions_and_filters(sidecar: str) -> None:
    bill = spanmeter("cost", *TIMES, "--by", "service,user", "--where", "model=gpt-4o-mini", url=sidecar)
    assert (
        bill.stdout
        == f"""\
Cost {PERIOD}

service  user  calls  failed  input  cached  output       cost
shop     -         1       1  1,000       0     500  $0.000450
-------  ----  -----  ------  -----  ------  ------  ---------
                   1       1  1,000       0     500  $0.000450

Priced: 100 % of 1 call.
"""
    )


def test_hours_and_days_are_those_of_utc_wherever_the_sidecar_runs(sidecar: str) -> None:
    bill = spanmeter("cost", *TIMES, "--by", "hour,day", "--where", f"day={START:%Y-%m-%d}", "--json", url=sidecar)
    rows = [(row["hour"], row["day"], row["calls"]) for row in json.loads(bill.stdout)["rows"]]
    assert rows == [(f"{START:%Y-%m-%dT%H:00:00Z}", f"{START:%Y-%m-%d}", 2)]


def test_latency(sidecar: str) -> None:
    table = spanmeter("latency", *TIMES, "--by", "name", "--where", "operation=chat", url=sidecar)
    heading, row = (line.split() for line in table.stdout.splitlines()[2:4])
    assert heading[:8] == ["name", "count", "errors", "mean", "p50", "p95", "p99", "max"]
    assert row == [
        "chat",
        "gpt-4o-mini",
        "2",
        "1",
        "800",
        "ms",
        "600",
        "ms",
        "1.00",
        "s",
        "1.00",
        "s",
        "1.00",
        "s",
        "-",
        "-",
        "500.0",
    ]


def test_the_traces(sidecar: str) -> None:
    table = spanmeter("traces", *TIMES, "--order", "cost", "--errors", url=sidecar)
    assert (
        table.stdout
        == f"""\
1 of 1 trace {PERIOD}

started (UTC)        trace                             name    duration  errors  calls  input  output                 cost
{START:%Y-%m-%d %H:%M:%S}  {TRACE}  answer    2.00 s       1      2  1,040     508  $0.000450 + unknown

One of them: spanmeter trace TRACE
"""  # noqa: E501
    )


def test_one_trace_as_a_tree(sidecar: str) -> None:
    tree = spanmeter("trace", TRACE, url=sidecar)
    assert (
        tree.stdout
        == f"""\
answer, {START:%Y-%m-%d %H:%M:%S} UTC, trace {TRACE}
2.00 s, 2 calls, 1,040 in, 508 out tokens, $0.000450

step                                          when                            duration  input  output       cost  model
answer                                        ██████████████████████████████    2.00 s
├─ retrieve                                    ████                             300 ms
│  └─ chat mystery-1                            ███                             200 ms     40       8    unknown  mystery-1
├─ chat gpt-4o-mini (failed: RateLimitError)        █████████                   600 ms                            gpt-4o-mini
└─ chat gpt-4o-mini                                          ███████████████    1.00 s  1,000     500  $0.000450  gpt-4o-mini

Priced: 50.0 % of 2 calls; what the other 1 cost is unknown and not in the total.

Prompts and answers are not stored. To store them, set SPANMETER_CONTENT=on for the sidecar and OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY in the application.
"""  # noqa: E501
    )


@pytest.mark.parametrize(
    ("words", "key"),
    [(["cost"], "rows"), (["latency"], "rows"), (["traces"], "traces"), (["trace", TRACE], "spans")],
)
def test_json_is_the_sidecars_own_answer(sidecar: str, words: list[str], key: str) -> None:
    answer = spanmeter(*words, "--json", url=sidecar)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout)[key]


@pytest.mark.parametrize(("command", "what"), [("cost", "calls"), ("latency", "spans"), ("traces", "traces")])
def test_an_empty_answer_says_what_to_do(sidecar: str, command: str, what: str) -> None:
    empty = spanmeter(command, *TIMES, "--where", "user=nobody", url=sidecar)
    assert (empty.returncode, empty.stderr) == (0, "")
    assert empty.stdout == (
        f"No {what} {PERIOD}. Ask for a longer period (--since 7d) or fewer filters, "
        "or make some with: spanmeter demo --once\n"
    )


def test_what_was_not_counted(sidecar: str) -> None:
    times = ["--since", "3h", "--until", "1h"]
    nothing = spanmeter("duplicates", *times, url=sidecar)
    assert nothing.stdout.startswith("No call was told twice from ")
    told = attributes(chat("gpt-4o-mini", 1000, 500) | {"spanmeter.inside_call": "true"})
    again = {**span((7, 6), "openai.chat", (-7_200_000, 10), attributes=told), "traceId": "6c" * 16}
    send(sidecar, {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "peer"}, "spans": [again]}]}]})

    deadline = time.monotonic() + 30
    while not json.loads(spanmeter("duplicates", "--json", *times, url=sidecar).stdout)["rows"]:
        assert time.monotonic() < deadline
    listed = spanmeter("duplicates", *times, url=sidecar).stdout.splitlines()

    assert listed[0].startswith("Not counted from ")
    assert listed[0].endswith(": 1 span, $0.000450 not charged")
    assert [line.split() for line in listed[2:4]] == [
        ["reason", "spans", "input", "output", "not", "charged"],
        ["inside_call", "1", "1,000", "500", "$0.000450"],
    ]
    row = ["6c" * 16, f"{7:016x}", "-", "openai.chat", "peer", "inside_call", "1,000", "500", "$0.000450"]
    assert listed[6].split() == row


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        (["cost", "--by", "colour"], 2, "spanmeter cost: unknown dimension 'colour'; allowed: minute, hour, "),
        (["latency", "--since", "x"], 2, "spanmeter latency: since='x' is no time; allowed: RFC 3339 such as "),
        (["traces", "--limit", "many"], 2, "spanmeter traces: limit='many' is not allowed; allowed: a whole "),
        (["trace", "xyz"], 2, "spanmeter trace: trace id 'xyz' is malformed; allowed: 32 hexadecimal digits"),
        (["trace", "../cost"], 1, "spanmeter trace: there is no GET /api/v1/traces/../cost; see "),
        (["trace", "0a" * 16], 1, f"spanmeter trace: no trace {'0a' * 16} is stored; "),
    ],
)
def test_a_refusal_is_one_line(sidecar: str, words: list[str], status: int, complaint: str) -> None:
    refused = spanmeter(*words, url=sidecar)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (status, "", 1)
    assert refused.stderr.startswith(complaint)


def test_a_filter_needs_a_dimension_and_a_value() -> None:
    refused = spanmeter("cost", "--where", "gpt-4o")
    assert refused.returncode == 2
    assert "'gpt-4o' is no filter; allowed: DIM=VALUE such as model=gpt-4o-mini" in refused.stderr


def test_a_sidecar_that_is_not_there_is_one_line() -> None:
    refused = spanmeter("cost", SPANMETER_LISTEN="127.0.0.1:9")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "spanmeter cost: no sidecar answers at http://127.0.0.1:9 ([Errno 111] Connection refused); "
        "start one with: spanmeter up\n"
    )


def test_a_wrong_setting_stops_the_sidecar() -> None:
    refused = spanmeter("collector", SPANMETER_LISTEN="here")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert refused.stderr.startswith("spanmeter collector: SPANMETER_LISTEN='here'")


def test_without_a_command_help_lists_them_all() -> None:
    helped = spanmeter()
    assert (helped.returncode, helped.stdout) == (2, "")
    for command in ("demo", "up", "collector", "dashboard", "cost", "latency", "traces", "trace", "price"):
        assert f"\n    {command}" in helped.stderr


def test_the_version() -> None:
    assert spanmeter("--version").stdout == "spanmeter 0.1.0\n"


def test_whoever_reads_may_stop_reading(sidecar: str) -> None:
    command = f"{sys.executable} -m spanmeter_collector cost --json --url {sidecar} | true; exit ${{PIPESTATUS[0]}}"
    piped = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert piped.stderr == ""


@pytest.mark.parametrize("command", ["cost", "latency", "traces", "trace", "price", "dashboard", "up", "collector"])
def test_a_command_imports_no_database_server_or_data_frames_before_it_runs(command: str, tmp_path: Path) -> None:
    heavy = ("chdb", "clickhouse_connect", "fastapi", "grpc", "pandas", "pyarrow", "streamlit", "uvicorn")
    program = f"""\
import sys
from spanmeter_collector.cli import main
try:
    main([{command!r}, "--help"])
except SystemExit as ended:
    print([name for name in {heavy!r} if name in sys.modules], ended.code, file=sys.stderr)
"""
    script = tmp_path / "imports.py"
    script.write_text(program)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == "[] 0\n"


@pytest.mark.parametrize(
    ("redirection", "sentence"),
    [
        (">&-", "spanmeter cost: standard output is closed\n"),
        (">/dev/full", "spanmeter cost: standard output cannot be written: No space left on device\n"),
    ],
)
def test_an_answer_that_cannot_be_written_is_no_success(sidecar: str, redirection: str, sentence: str) -> None:
    command = f"{sys.executable} -m spanmeter_collector cost --url {sidecar} {redirection}"
    answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert (answer.returncode, answer.stderr) == (1, sentence)
