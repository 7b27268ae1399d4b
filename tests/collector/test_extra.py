"""What a sub-command says when only the base install is there."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from spanmeter_collector.extra import MissingExtraError, require

NOWHERE = "http://127.0.0.1:9"


def test_what_is_installed_is_enough() -> None:
    require("collector", "chdb", "fastapi")


def test_what_is_missing_comes_with_the_line_that_installs_it() -> None:
    with pytest.raises(MissingExtraError, match=r"^nowhere is not installed; run: pip install 'spanmeter\[demo\]'$"):
        require("demo", "json", "nowhere")


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("collector", "chdb is not installed; run: pip install 'spanmeter[collector]'"),
        ("dashboard", "streamlit is not installed; run: pip install 'spanmeter[dashboard]'"),
        ("up", "chdb is not installed; run: pip install 'spanmeter[collector]'"),
        ("demo", "spanmeter_rag is not installed; run: pip install 'spanmeter[demo]'"),
        (
            "cost",
            "no sidecar answers at http://127.0.0.1:9 ([Errno 111] Connection refused); start one with: spanmeter up",
        ),
    ],
)
def test_without_any_extra_a_command_says_what_to_do(command: str, complaint: str) -> None:
    package = find_spec("spanmeter_collector")
    assert package is not None
    assert package.origin is not None
    program = (
        f"import sys; sys.path.insert(0, {str(Path(package.origin).parents[1])!r}); "
        f"from spanmeter_collector.cli import main; sys.exit(main([{command!r}]))"
    )
    environment = {"SPANMETER_LISTEN": "127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"spanmeter {command}: {complaint}\n")
