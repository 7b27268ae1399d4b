"""Ports of the loopback interface that nobody listens on."""

from __future__ import annotations

import socket

LOOPBACK = "127.0.0.1"


def usual_or_free(port: int) -> int:
    """Return the port when it is free, else any free one."""
    return port if _is_free(port) else free()


def free() -> int:
    """Return a port that is free now."""
    with socket.create_server((LOOPBACK, 0)) as server:
        return int(server.getsockname()[1])


def _is_free(port: int) -> bool:
    try:
        with socket.create_server((LOOPBACK, port)):
            return True
    except OSError:
        return False
