from __future__ import annotations

import socket

from spanmeter_rag.ports import LOOPBACK, free, usual_or_free


def test_the_usual_port_is_taken_when_it_is_free() -> None:
    port = free()
    assert usual_or_free(port) == port


def test_another_one_when_somebody_listens_there() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert usual_or_free(port) not in {0, port}
