"""A connection to a store: to the embedded engine of this process, or to a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import clickhouse_connect

from spanmeter_collector.layout import Layout

_SETTINGS: Final = {"max_threads": 2, "max_insert_threads": 1}
_EMBEDDED: Final = _SETTINGS | {
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
    "compile_sort_description": 0,
}
"""Compiling a question takes tens of milliseconds of its fourth time, and saves none of the next."""


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


def _embedded(path: str, database: str) -> Callable[[], Any]:
    client = clickhouse_connect.get_client(interface="chdb", path=path)
    client.command("CREATE DATABASE IF NOT EXISTS {name:Identifier}", parameters={"name": database})
    client.close()
    return lambda: clickhouse_connect.get_client(interface="chdb", path=path, database=database, settings=_EMBEDDED)
