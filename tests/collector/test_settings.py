from __future__ import annotations

from pathlib import Path

import pytest

from spanmeter_collector.retention import Retention
from spanmeter_collector.settings import Address, SettingError, Settings


def test_an_empty_environment_means_loopback_and_a_store_in_the_home_directory() -> None:
    assert Settings.from_environment({"HOME": "/home/ada"}) == Settings(
        listen=Address("127.0.0.1", 4318),
        grpc_listen=Address("127.0.0.1", 4317),
        data_dir=Path("/home/ada/.local/share/spanmeter"),
        store="chdb:///home/ada/.local/share/spanmeter/store",
    )


def test_every_supported_variable_is_read() -> None:
    settings = Settings.from_environment(
        {
            "SPANMETER_LISTEN": "[::1]:8080",
            "SPANMETER_GRPC_LISTEN": "0.0.0.0:0",
            "SPANMETER_DATA_DIR": "/var/lib/spanmeter",
            "SPANMETER_STORE": "clickhouse://ada:secret@db:8123/spanmeter",
            "SPANMETER_INGEST_TOKEN": "in",
            "SPANMETER_QUERY_TOKEN": "out",
            "SPANMETER_RETENTION_DAYS": "30",
            "SPANMETER_CHARGE_RETENTION_DAYS": "400",
            "SPANMETER_RETENTION_GB": "50",
        }
    )

    assert settings == Settings(
        listen=Address("::1", 8080),
        grpc_listen=Address("0.0.0.0", 0),
        data_dir=Path("/var/lib/spanmeter"),
        store="clickhouse://ada:secret@db:8123/spanmeter",
        ingest_token="in",
        query_token="out",
        retention_days=30,
        charge_retention_days=400,
        retention_gb=50,
    )
    assert settings.retention == Retention(span_days=30, charge_days=400, most_bytes=50_000_000_000)
    assert str(settings.listen) == "[::1]:8080"
    assert settings.shown_store == "clickhouse://db:8123/spanmeter"


def test_the_data_directory_follows_the_xdg_base_directories() -> None:
    settings = Settings.from_environment({"HOME": "/home/ada", "XDG_DATA_HOME": "/data"})

    assert settings.store == "chdb:///data/spanmeter/store"


def test_variables_of_others_and_empty_ones_are_left_alone() -> None:
    assert Settings.from_environment({"HOME": "/h", "SPANMETER_LISTEN": "", "OTEL_X": "1"}).listen.port == 4318


def test_variables_of_the_application_beside_it_are_left_alone() -> None:
    shared = {"HOME": "/h", "SPANMETER_SPOOL_DIR": "/var/spool/spanmeter", "SPANMETER_SPOOL_MB": "64"}

    assert Settings.from_environment(shared) == Settings.from_environment({"HOME": "/h"})


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("SPANMETER_LISTEN", "4318", "expected host:port with a port from 0 to 65535, such as 127.0.0.1:4318"),
        ("SPANMETER_LISTEN", "::1:4318", "an IPv6 address stands in brackets, such as [::1]:4318"),
        ("SPANMETER_GRPC_LISTEN", "host:70000", "expected host:port with a port from 0 to 65535"),
        ("SPANMETER_STORE", "duckdb:///x", "expected chdb:///absolute/directory or clickhouse://"),
        ("SPANMETER_STORE", "chdb://relative/x", "expected chdb:///absolute/directory or clickhouse://"),
        ("SPANMETER_DATA_DIR", __file__, "expected a directory, and this is a file"),
        ("SPANMETER_RETENTION_DAYS", "0", "expected a whole number from 1 to 100000; unset it for no limit"),
        ("SPANMETER_RETENTION_GB", "1.5", "expected a whole number from 1 to 100000; unset it for no limit"),
        (
            "SPANMETER_CHARGE_RETENTION_DAYS",
            "90",
            "expected no less than SPANMETER_RETENTION_DAYS, which is not set",
        ),
        (
            "SPANMETER_PRICES",
            "/no/prices.toml",
            "expected a file, such as deploy/prices.example.toml, and there is none",
        ),
        ("SPANMETER_FORWARD", "http://x:4318", "this version does not support the variable yet; unset it"),
        ("SPANMETER_LISTENS", "x:1", "there is no such variable; known are SPANMETER_CHARGE_RETENTION_DAYS, "),
    ],
)
def test_a_wrong_value_is_refused_with_variable_value_and_what_is_allowed(
    variable: str, value: str, reason: str
) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_environment({"HOME": "/h", variable: value})

    assert str(refused.value).startswith(f"{variable}={value!r}: {reason}")


def test_a_token_is_never_repeated_in_the_refusal() -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_environment({"HOME": "/h", "SPANMETER_QUERY_TOKEN": "my secret"})

    assert str(refused.value) == "SPANMETER_QUERY_TOKEN='…': expected printable ASCII characters without spaces"


def test_charges_are_never_kept_shorter_than_spans() -> None:
    shorter = {"HOME": "/h", "SPANMETER_RETENTION_DAYS": "31", "SPANMETER_CHARGE_RETENTION_DAYS": "30"}

    with pytest.raises(SettingError) as refused:
        Settings.from_environment(shorter)

    told = "SPANMETER_CHARGE_RETENTION_DAYS='30': expected no less than SPANMETER_RETENTION_DAYS, which is 31"
    assert str(refused.value) == told
