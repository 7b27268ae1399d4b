"""A connection to a store: to the embedded engine of this process, or to a server."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanmeter_collector.layout import Layout

_SETTINGS: Final = {"max_threads": 2, "max_insert_threads": 1}
_EMBEDDED: Final = _SETTINGS | {
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
    "compile_sort_description": 0,
}
"""Compiling a question takes tens of milliseconds of its fourth time, and saves none of the next."""

_BESIDE: Final = re.compile(r" with url: \S+|,?\s*Stack trace.*", re.DOTALL)
_LONGEST: Final = 1000


def connector(url: str, layout: Layout) -> Callable[[], Any]:
    """What makes connections, clients of clickhouse-connect, to the store of an address.

    Of an embedded one it makes the database. The address' `cluster` is for the layout, the rest is the server's.
    """
    parts = urlsplit(url)
    if parts.scheme == "chdb":
        return _embedded(parts.path, parse_qs(parts.query).get("database", ["default"])[0])
    told = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name != "cluster"])
    settings = {**_SETTINGS, **layout.settings}
    dsn = parts._replace(query=told).geturl()
    return lambda: clickhouse_connect.get_client(dsn=dsn, settings=settings, autogenerate_session_id=False)


def said(error: Exception) -> str:
    """What an error of a store says, on one line, without the question: that may be long and name people."""
    return " ".join(_BESIDE.sub("", str(error)).split())[:_LONGEST]


def _embedded(path: str, database: str) -> Callable[[], Any]:
    _require_link(Path(path), database)
    client = _first_client(Path(path))
    client.command("CREATE DATABASE IF NOT EXISTS {name:Identifier}", parameters={"name": database})
    client.close()
    return lambda: clickhouse_connect.get_client(interface="chdb", path=path, database=database, settings=_EMBEDDED)


def _first_client(path: Path) -> Any:  # noqa: ANN401
    try:
        return clickhouse_connect.get_client(interface="chdb", path=str(path))
    except ClickHouseError as error:
        if _is_in_use(path / "status"):
            raise BlockingIOError("another process uses it; stop that, or name another directory") from error
        raise


def _is_in_use(status: Path) -> bool:
    """Whether a process holds the file that the engine locks."""
    try:
        with status.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _require_link(path: Path, database: str) -> None:
    """Refuse a copy without the link from a database to its folder: the engine would take it for an empty store.

    Raises:
        OSError: it is such a copy; the message says how to mend it.
    """
    link = path / "metadata" / database
    if link.is_symlink():
        return
    linked = {other.resolve() for other in link.parent.glob("*")}
    for table in sorted(path.glob("store/*/*/spans.sql")):
        if table.parent.resolve() not in linked:
            target = table.parent.relative_to(path)
            raise OSError(
                f"it was copied without its links; copy it again with `cp -a`, or make {link} a link to ../{target}"
            )
