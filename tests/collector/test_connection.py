from __future__ import annotations

from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanmeter_collector.connection import connector
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
