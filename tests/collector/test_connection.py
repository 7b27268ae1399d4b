from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from spanmeter_collector.connection import connector, said
from spanmeter_collector.layout import Layout
from spanmeter_collector.store import Store


def test_connections_are_to_the_database_of_the_address(store_url: str, store: Store) -> None:
    client = connector(store_url, store.layout)()

    assert client.command("SELECT currentDatabase()") == store_url.rpartition("=")[2]
    assert client.command("SELECT getSetting('max_threads')") == 2
    client.close()


def test_a_second_path_in_one_process_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ClickHouseError, match="Unable to open the chdb engine"):
        connector(f"chdb://{tmp_path}", Layout(""))
    assert store.query("metrics_duplicates", {}) == []


def test_a_copy_without_the_links_of_its_databases_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "store" / "7c3" / "7c3eb479"
    folder.mkdir(parents=True)
    (folder / "spans.sql").touch()

    with pytest.raises(OSError, match=r"copied without its links; .*/metadata/default a link to \.\./store/7c3/7c3eb"):
        connector(f"chdb://{tmp_path}", Layout(""))


def test_a_store_that_another_process_uses_is_named_so(store: Store, tmp_path: Path) -> None:
    with (tmp_path / "status").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match="another process uses it"):
            connector(f"chdb://{tmp_path}", Layout(""))
    assert store.query("metrics_duplicates", {}) == []


def test_an_error_of_a_server_that_is_away_does_not_quote_the_question() -> None:
    connect = connector("clickhouse://ada:secret@127.0.0.1:9/ledger", Layout(""))
    with pytest.raises(OperationalError) as away:
        connect()

    assert "query_id" in str(away.value)
    assert said(away.value).startswith("Error HTTPConnectionPool(host='127.0.0.1', port=9): Max retries exceeded (")
    assert "Connection refused" in said(away.value)
    assert said(ValueError("wrong,\n  Stack trace (when copying):\n0. main")) == "wrong"
