from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--queries", "0"], "'0' is not a whole number from 1 to 100000"),
        (["--queries", "many"], "'many' is not a whole number"),
        (["--live"], "--live needs OPENAI_API_KEY"),
    ],
)
def test_what_cannot_be_run_is_refused_at_once(arguments: list[str], reason: str) -> None:
    command = [sys.executable, "-m", "spanmeter_rag.demo", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={})
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr


def test_the_demo_imports_no_framework_in_its_own_process() -> None:
    code = "import sys, spanmeter_rag.demo; print([m for m in ('langchain_core', 'llama_index') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
