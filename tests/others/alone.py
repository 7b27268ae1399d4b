"""Runs applications that only other instrumentations watch, and compares the ledger with the provider's account.

    python tests/others/alone.py [NAME ...]

NAME is one of `SENDERS`; all of them if none is given. A scenario is right where the ledger has grown by exactly the
calls, tokens and dollars that the provider answered; where a sender is known to leave something out (`gaps.py`), by
exactly what is left. Where it has not, both accounts are shown. Environments stay in `.venv-compat`; the first time
each takes minutes to install.
Exits with 1 if an account differs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from beside import LANGSMITH, OPENINFERENCE, OPENINFERENCE_FRAMEWORKS, OTEL, ROOT, TRACELOOP, TRACELOOP_FRAMEWORKS
from beside import sidecar as sidecar_of
from counting import Account, Answered, account_of
from gaps import GAPS, NOTHING, Gap, account_told

OPENINFERENCE_ANTHROPIC: Final = "openinference.instrumentation.anthropic:AnthropicInstrumentor"
TRACELOOP_ANTHROPIC: Final = "opentelemetry.instrumentation.anthropic:AnthropicInstrumentor"
EXPORTER: Final = "opentelemetry-exporter-otlp-proto-http"
ENVIRONMENTS: Final = {
    "instrumentors": (
        "anthropic==2.12.0",
        "langchain==1.4.7",
        "langchain-anthropic==1.7.7",
        "langchain-openai==1.7.3",
        "langsmith==0.15.0",
        "llama-index-core==0.14.25",
        "llama-index-embeddings-openai==0.7.0",
        "llama-index-llms-openai==0.8.3",
        "openai==2.54.0",
        "openinference-instrumentation-anthropic==3.1.0",
        "openinference-instrumentation-langchain==0.1.80",
        "openinference-instrumentation-llama-index==4.6.1",
        "openinference-instrumentation-openai==0.1.66",
        "opentelemetry-instrumentation-anthropic==0.62.4",
        "opentelemetry-instrumentation-genai-openai==1.3b0",
        "opentelemetry-instrumentation-langchain==0.62.4",
        "opentelemetry-instrumentation-llamaindex==0.62.4",
        "opentelemetry-instrumentation-openai==0.62.4",
    ),
    "logfire": (
        "anthropic==2.12.0",
        "logfire==5.2.0",
        "openai==3.54.0",
        "pydantic-ai-slim==2.68.0",
        "tiktoken==0.14.0",
    ),
    "langfuse": ("langchain==1.4.7", "langchain-openai==1.7.3", "langfuse==5.0.4", "openai==2.54.0"),
    "litellm": ("litellm==1.106.2", "openai==2.54.0"),
    "mlflow": (  # which imports sqlparse and yaml without requiring them
        "mlflow-tracing==3.17.2",
        "openai==2.54.0",
        "pyyaml==6.0.3",
        "sqlparse==0.6.1",
    ),
    "agents": ("openai-agents==0.20.0", "openai==2.54.0", "openinference-instrumentation-openai-agents==2.6.0"),
}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who tells of the calls: an environment, a script with arguments, variables, and the scenarios it watches."""

    environment: str
    command: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    only: str = ""


LANGSMITH_OTEL: Final = LANGSMITH | {
    "LANGSMITH_OTEL_ENABLED": "true",
    "LANGSMITH_OTEL_ONLY": "true",
    "LATE_SPANS_S": "1.5",
}
SENDERS: Final = {
    "OpenInference": Sender(
        "instrumentors", ("asking.py", OPENINFERENCE, *OPENINFERENCE_FRAMEWORKS, OPENINFERENCE_ANTHROPIC)
    ),
    "Traceloop": Sender("instrumentors", ("asking.py", TRACELOOP, *TRACELOOP_FRAMEWORKS, TRACELOOP_ANTHROPIC)),
    "OpenTelemetry": Sender("instrumentors", ("asking.py", OTEL), only="^client"),
    "all three": Sender(
        "instrumentors",
        (
            "asking.py",
            *TRACELOOP_FRAMEWORKS,
            *OPENINFERENCE_FRAMEWORKS,
            OTEL,
            OPENINFERENCE,
            TRACELOOP_ANTHROPIC,
            OPENINFERENCE_ANTHROPIC,
        ),
    ),
    "LangSmith and clients": Sender("instrumentors", ("asking.py", OTEL, TRACELOOP_ANTHROPIC), LANGSMITH_OTEL),
    "Logfire": Sender("logfire", ("pydantic_agents.py", "5", "openai", "anthropic")),
    "Logfire, Pydantic AI only": Sender("logfire", ("pydantic_agents.py", "2")),
    "Langfuse": Sender("langfuse", ("sdks.py", "langfuse")),
    "LiteLLM": Sender(
        "litellm",
        ("sdks.py", "litellm"),
        {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OTEL_EXPORTER": "otlp_http", "LATE_SPANS_S": "2"},
    ),
    "MLflow": Sender(
        "mlflow",
        ("sdks.py", "mlflow"),
        {
            "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            "LATE_SPANS_S": "6",
        },
    ),
    "OpenAI Agents": Sender("agents", ("sdks.py", "agents")),
}


def main() -> int:
    """Run, print the table and what differs, and say by the exit code whether everything holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SENDERS))
    names = parser.parse_args().names or list(SENDERS)
    if unknown := set(names) - SENDERS.keys():
        parser.error(f"{', '.join(sorted(unknown))} is none of {', '.join(SENDERS)}")
    wrong = 0
    for name in names:
        gaps = GAPS.get(name, {})
        ran = [_judged(told, gaps.get(told["scenario"], NOTHING)) for told in _run(SENDERS[name])]
        right = [one.scenario for one in ran if one.is_right]
        not_run = gaps.keys() - {one.scenario for one in ran}
        wrong += len(ran) - len(right) + len(not_run)
        known = f", {len(gaps)} of them with a known gap" if gaps else ""
        _say(f"| {name} | {len(right)}/{len(ran)}{known} |")
        for one in ran:
            if one.gap is not NOTHING or not one.is_right:
                _say(f"  {one.scenario}: {one}")
        for scenario in sorted(not_run):
            _say(f"  {scenario}: a gap is known of it, but it did not run")
    return int(wrong > 0)


@dataclass(frozen=True, slots=True)
class Judged:
    """A scenario that ran: what the provider answered, what the sender is expected to tell of it, what was booked."""

    scenario: str
    gap: Gap
    answered: Account
    expected: Account
    booked: Account
    error: str

    @property
    def is_right(self) -> bool:
        """Whether the ledger has exactly what the sender is expected to tell."""
        return self.booked == self.expected

    def __str__(self) -> str:
        held = " ".join(map(str, self.answered)), " ".join(map(str, self.booked))
        said = f"provider {held[0]}, ledger {held[1]}"
        if self.is_right:
            return f"{said}; {self.gap.words}"
        return f"{said}, expected {' '.join(map(str, self.expected))}: {self.gap.words} {self.error}"


def _judged(told: Mapping[str, Any], gap: Gap) -> Judged:
    answers = [Answered(*answer) for answer in told["answers"]]
    calls, asked, said, usd = told["booked"]
    booked = int(calls), int(asked), int(said), Decimal(usd)
    accounts = account_of(answers), account_told(gap, answers)
    return Judged(told["scenario"], gap, *accounts, booked, told["error"])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _run(sender: Sender) -> list[dict[str, Any]]:
    python = _environment(sender.environment)
    script, *arguments = sender.command
    kept = {name: said for name, said in os.environ.items() if not name.startswith(("SPANMETER_", "LANGSMITH_"))}
    with sidecar_of(Path(sys.executable)) as url:
        command = [str(python), str(Path(__file__).with_name(script)), url, *arguments]
        environ = {**kept, **sender.variables, "ONLY": sender.only}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise SystemExit(f"the application failed: {done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if re.match('{"scenario"', line)]


def _environment(name: str) -> Path:
    """The Python of an environment, made and filled if what it should hold has changed."""
    home = ROOT / ".venv-compat" / f"alone-{name}"
    python, made_of, wanted = home / "bin" / "python", home / "made-of", repr(ENVIRONMENTS[name])
    if not made_of.exists() or made_of.read_text(encoding="ascii") != wanted:
        _say(f"installing {name}")
        venv.create(home, with_pip=True, symlinks=True)
        install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        subprocess.run([*install, EXPORTER, *ENVIRONMENTS[name]], check=True)
        made_of.write_text(wanted, encoding="ascii")
    return python


if __name__ == "__main__":
    sys.exit(main())
