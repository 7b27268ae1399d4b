from __future__ import annotations

import socket
from pathlib import Path

import pytest

from spanmeter_rag.ports import LOOPBACK, free
from spanmeter_rag.stage import Plan


def _plan(*, usual_ports: bool) -> Plan:
    return Plan(Path("d"), Path("r"), {}, dashboard=False, live=False, usual_ports=usual_ports)


def test_a_part_listens_where_it_usually_does() -> None:
    port = free()
    assert _plan(usual_ports=True).url(port) == f"http://127.0.0.1:{port}"


def test_a_taken_port_is_named_with_the_one_used_instead(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        used = _plan(usual_ports=True).url(taken).rpartition(":")[2]
    assert capsys.readouterr().err == f"  port {taken} is taken, {used} is used instead\n"


def test_a_single_run_takes_any_ports_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    port = free()
    assert _plan(usual_ports=False).url(port) != f"http://127.0.0.1:{port}"
    assert capsys.readouterr().err == ""
