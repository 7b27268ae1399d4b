"""`spanmeter dashboard`: what starts the cost explorer, and what it is not started with."""

from __future__ import annotations

import socket
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from spanmeter_collector.cli import main
from spanmeter_collector.dashboard_command import dashboard_command


def test_the_dashboard_is_started_by_its_script() -> None:
    package = find_spec("spanmeter_dashboard")
    assert package is not None
    assert package.origin is not None
    assert dashboard_command(address="0.0.0.0", port=80, url="http://sidecar:4318") == [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(Path(package.origin).with_name("app.py")),
        "--server.address",
        "0.0.0.0",
        "--server.port",
        "80",
        "--server.headless",
        "true",
        "--browser.gatherUsageStats",
        "false",
        "--",
        "--url",
        "http://sidecar:4318",
    ]


@pytest.mark.parametrize("words", [["dashboard", "--port"], ["up", "--dashboard-port"]], ids=["dashboard", "up"])
@pytest.mark.parametrize("port", ["0", "65536", "-1", "8501x", "٨"])
def test_only_a_port_is_taken_for_one(words: list[str], port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, port])
    text = f"argument {words[1]}: {port!r} is no port; allowed: a whole number from 1 to 65535\n"
    assert (ended.value.code, capsys.readouterr().err.endswith(text)) == (2, True)


@pytest.mark.parametrize("command", ["dashboard", "doctor", "prices"])
def test_an_address_that_is_none_starts_nothing(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--url", "nowhere"]) == 2
    text = f"spanmeter {command}: --url nowhere is no address; allowed: http://host:port or https://host:port\n"
    assert capsys.readouterr() == ("", text)


@pytest.mark.parametrize(("command", "option"), [("dashboard", "--port"), ("up", "--dashboard-port")])
def test_a_port_that_is_taken_starts_nothing(command: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main([command, option, str(port)]) == 1
    reason = "another program listens there; stop it, or name another port"
    assert capsys.readouterr() == ("", f"spanmeter {command}: {option}='{port}': {reason}\n")


@pytest.mark.parametrize("address", ["a..b", "192.0.2.7"])
def test_an_address_that_the_machine_lacks_starts_nothing(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboard", "--address", address]) == 1
    reason = "this machine has no such address; name one of its own, or 0.0.0.0 for all of them"
    assert capsys.readouterr() == ("", f"spanmeter dashboard: --address='{address}': {reason}\n")
