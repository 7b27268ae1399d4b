"""Runs an application with other instrumentations beside ours, and compares all accounts with the provider's.

    python tests/others/beside.py [NAME ...]

NAME is one of `PEERS`; all of them if none is given. For each, ours before theirs and theirs before ours, the bill in
the process and the ledger of a real sidecar must both say what the provider answered, in every scenario, and each
request must be one trace. The environment stays in `.venv-compat/others`; the first time it takes minutes to install.
Exits with 1 if an account differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import urlopen

ROOT: Final = Path(__file__).parents[2]
HOME: Final = ROOT / ".venv-compat" / "others"
PACKAGES: Final = (
    "langchain-openai==1.7.3",
    "llama-index-embeddings-openai==0.7.0",
    "llama-index-llms-openai==0.8.3",
    "openinference-instrumentation-langchain==0.1.80",
    "openinference-instrumentation-llama-index==4.6.1",
    "openinference-instrumentation-openai==0.1.66",
    "opentelemetry-instrumentation-genai-openai==1.3b0",
    "opentelemetry-instrumentation-langchain==0.62.4",
    "opentelemetry-instrumentation-llamaindex==0.62.4",
    "opentelemetry-instrumentation-openai==0.62.4",
)
OTEL: Final = "opentelemetry.instrumentation.genai.openai:OpenAIInstrumentor"
TRACELOOP: Final = "opentelemetry.instrumentation.openai:OpenAIInstrumentor"
TRACELOOP_FRAMEWORKS: Final = (
    "opentelemetry.instrumentation.langchain:LangchainInstrumentor",
    "opentelemetry.instrumentation.llamaindex:LlamaIndexInstrumentor",
)
OPENINFERENCE: Final = "openinference.instrumentation.openai:OpenAIInstrumentor"
OPENINFERENCE_FRAMEWORKS: Final = (
    "openinference.instrumentation.langchain:LangChainInstrumentor",
    "openinference.instrumentation.llama_index:LlamaIndexInstrumentor",
)


@dataclass(frozen=True, slots=True)
class Peer:
    """What an application has beside us: instrumentors, and variables."""

    instrumentors: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


LANGSMITH: Final = {
    "LANGSMITH_TRACING": "true",
    "LANGSMITH_ENDPOINT": "http://127.0.0.1:9",
    "LANGSMITH_API_KEY": "none",
}
PEERS: Final = {
    "OpenTelemetry, OpenAI client": Peer((OTEL,)),
    "Traceloop, OpenAI client": Peer((TRACELOOP,)),
    "Traceloop, frameworks": Peer(TRACELOOP_FRAMEWORKS),
    "Traceloop, all": Peer((*TRACELOOP_FRAMEWORKS, TRACELOOP)),
    "OpenInference, OpenAI client": Peer((OPENINFERENCE,)),
    "OpenInference, frameworks": Peer(OPENINFERENCE_FRAMEWORKS),
    "OpenInference, all": Peer((*OPENINFERENCE_FRAMEWORKS, OPENINFERENCE)),
    "all of these": Peer((*TRACELOOP_FRAMEWORKS, *OPENINFERENCE_FRAMEWORKS, OTEL, OPENINFERENCE)),
    "LangSmith": Peer((), LANGSMITH),
    "LangSmith over OpenTelemetry": Peer((), LANGSMITH | {"LANGSMITH_OTEL_ENABLED": "true"}),
}


def main() -> int:
    """Run, print what differs, and say by the exit code whether everything holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PEERS))
    names = parser.parse_args().names or list(PEERS)
    if unknown := set(names) - PEERS.keys():
        parser.error(f"{', '.join(sorted(unknown))} is none of {', '.join(PEERS)}")
    python, differing = _environment(), 0
    for name in names:
        for order in ("first", "last"):
            differences = list(_compare(python, PEERS[name], order))
            differing += len(differences)
            _say(f"{name}, ours {order}: {'right' if not differences else '; '.join(differences)}")
    return int(differing > 0)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _environment() -> Path:
    """Return the Python of the environment, made and filled if what it should hold has changed."""
    python, made_of = HOME / "bin" / "python", HOME / "made-of"
    wanted = hashlib.sha256(repr(PACKAGES).encode() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if not made_of.exists() or made_of.read_text(encoding="ascii") != wanted:
        _say("installing")
        venv.create(HOME, with_pip=True, symlinks=True)
        install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        ours = ("--constraint", "constraints.txt", "--editable", ".[collector,langchain,llama-index]")
        subprocess.run([*install, *ours, *PACKAGES], cwd=ROOT, check=True)
        made_of.write_text(wanted, encoding="ascii")
    return python


def _compare(python: Path, peer: Peer, order: str) -> Iterator[str]:
    with sidecar(python) as url:
        runs = _run(python, url, peer, order)
        every, booked = (
            [sum(figures) for figures in zip(*(told["answered"] for told in runs), strict=True)],
            _ledger(url),
        )
        if booked != every:
            yield f"in all: the ledger says {booked}, the provider {every}"
        for told in runs:
            name, answered = told["scenario"], told["answered"]
            if told["bill"] != answered:
                yield f"{name}: the bill says {told['bill']}, the provider {answered}"
            if (ledger := _ledger(url, feature=name)) != answered:
                yield f"{name}: the ledger says {ledger}, the provider {answered}"
            if told["traces"] > max(told["requests"], 1):
                yield f"{name}: {told['traces']} traces"


def _run(python: Path, url: str, peer: Peer, order: str) -> list[dict[str, Any]]:
    kept = {name: said for name, said in os.environ.items() if not name.startswith(("SPANMETER_", "LANGSMITH_"))}
    application = str(Path(__file__).with_name("application.py"))
    command = [str(python), application, url, order, *peer.instrumentors]
    done = subprocess.run(
        command, env={**kept, **peer.variables}, capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        raise SystemExit(f"the application failed: {done.stderr[-2000:]}")
    _settle(url)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def _ledger(url: str, **filters: str) -> list[int]:
    total = _get(url, f"/api/v1/cost?{urlencode(filters)}")["total"]
    return [total["calls"], total["input_tokens"], total["output_tokens"]]


def _settle(url: str) -> None:
    deadline = time.monotonic() + 30
    while not _is_settled(url):
        if time.monotonic() > deadline:
            raise SystemExit("the sidecar did not store what it took within 30 s")
        time.sleep(0.1)


def _is_settled(url: str) -> bool:
    with urlopen(f"{url}/metrics", timeout=30) as answer:
        return "\nspanmeter_collector_pending_spans 0.0" in answer.read().decode()


def _get(url: str, path: str) -> dict[str, Any]:
    with urlopen(url + path, timeout=30) as answer:
        return dict(json.load(answer))


@contextmanager
def sidecar(python: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="spanmeter-others-") as directory:
        listen = dict.fromkeys(("SPANMETER_LISTEN", "SPANMETER_GRPC_LISTEN"), "127.0.0.1:0")
        environ = {"PATH": os.environ["PATH"], "HOME": directory, "SPANMETER_DATA_DIR": directory} | listen
        command: Sequence[str | Path] = [python, "-m", "spanmeter_collector", "collector"]
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            ready = next(json.loads(line) for line in process.stderr if '"message": "ready"' in line)
            try:
                yield f"http://{ready['http']}"
            finally:
                process.terminate()
                process.stderr.read()


if __name__ == "__main__":
    sys.exit(main())
