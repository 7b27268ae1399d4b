"""What the engine does for somebody who has gone away is stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from starlette.concurrency import run_in_threadpool

from spanmeter_collector.asker import ASKER, Asker, GoneError, heeding
from spanmeter_collector.store import Store

Message = MutableMapping[str, Any]
ENDLESS: Final = {
    "source": "(SELECT *, 1 AS entries FROM charges RIGHT JOIN (SELECT 1 FROM numbers(1000000000000)) AS many ON true)",
    "dimensions": "materialize('') AS dim_0",
    "keys": "dim_0",
    "filters": "true",
    "within": "true",
    "unpriced": "''",
    "order": "dim_0",
}
SCOPE: Final[Message] = {"type": "http", "method": "GET"}


async def nothing(_: Message) -> None:
    """Send nothing."""


def ask(store: Store) -> None:
    store.query("cost", {"limit": 1}, ENDLESS)


def export(store: Store) -> None:
    endless = "(SELECT count() FROM numbers(1000000000000)) > 0"
    fragments = {"columns": "charges.time", "filters": endless}
    list(store.stream("export_charges", {"since": 0, "until": 1}, fragments, written_as="Parquet"))


def wait_until_asked(store: Store) -> None:
    asked = "SELECT 1 FROM system.processes WHERE query LIKE '%000000000000%' AND query NOT LIKE '%processes%'"
    while not store._writer.query(asked).result_rows:
        time.sleep(0.05)


@pytest.mark.parametrize("endless", [ask, export])
async def test_a_query_ends_when_its_asker_goes_away(known: Store, endless: Callable[[Store], None]) -> None:
    ended: list[str] = []

    async def app(_: Message, __: Any, ___: Any) -> None:
        with pytest.raises(ClickHouseError) as error:
            await run_in_threadpool(endless, known)
        ended.append(str(error.value))

    async def receive() -> Message:
        await run_in_threadpool(wait_until_asked, known)
        return {"type": "http.disconnect"}

    await heeding(app, known.stop)(SCOPE, receive, nothing)
    assert "QUERY_WAS_CANCELLED" in ended[0]


async def test_a_stop_of_the_sidecar_ends_what_is_still_asked() -> None:
    stopped: list[Asker] = []

    async def app(_: Message, receive: Any, __: Any) -> None:
        await receive()
        await receive()

    async def receive() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    request = asyncio.ensure_future(heeding(app, stopped.append)(SCOPE, receive, nothing))
    await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert [asker.gone.is_set() for asker in stopped] == [True]


async def test_who_is_gone_before_its_turn_asks_nothing(known: Store) -> None:
    asker = Asker()
    asker.gone.set()
    ASKER.set(asker)
    with pytest.raises(GoneError):
        await run_in_threadpool(ask, known)


async def test_an_answer_in_time_stops_nothing() -> None:
    stopped: list[Asker] = []
    sent: list[Message] = []

    async def app(_: Message, receive: Any, send: Any) -> None:
        assert await receive() == {"type": "http.request", "body": b"", "more_body": False}
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await heeding(app, stopped.append)(SCOPE, receive, send)
    assert (stopped, [message["status"] for message in sent]) == ([], [200])


MANY_GROUPS: Final = ENDLESS | {
    "source": "(SELECT *, 1 AS entries, number FROM charges RIGHT JOIN numbers(2100000) AS many ON false)",
    "dimensions": "number AS dim_0",
}


def test_only_what_somebody_waits_for_has_a_limit_of_groups(known: Store) -> None:
    assert known.query("cost", {"limit": 1}, MANY_GROUPS)[0]["is_total"] == 1
    waiting = ASKER.set(Asker())
    with pytest.raises(ClickHouseError, match="TOO_MANY_ROWS"):
        known.query("cost", {"limit": 1}, MANY_GROUPS)
    ASKER.reset(waiting)
