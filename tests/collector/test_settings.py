from __future__ import annotations

from pathlib import Path

import pytest

from spanmeter_collector.bearer import Tokens
from spanmeter_collector.retention import Retention
from spanmeter_collector.setting import Address, SettingError
from spanmeter_collector.settings import Forwarding, Settings
from spanmeter_collector.tls_files import TlsFiles


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
            "SPANMETER_INGEST_TOKEN": "in,before",
            "SPANMETER_QUERY_TOKEN": "out",
            "SPANMETER_TLS_CERT": __file__,
            "SPANMETER_TLS_KEY": __file__,
            "SPANMETER_TLS_CLIENT_CA": __file__,
            "SPANMETER_CONTENT": "on",
            "SPANMETER_REDACT": __file__,
            "SPANMETER_BUDGETS": __file__,
            "SPANMETER_REDACT_KEY": "0123456789abcdef",
            "SPANMETER_FORWARD": "https://me:pass@api.smith.langchain.com/otel/",
            "SPANMETER_FORWARD_HEADERS": "x-api-key=lsv2%3D1, Langsmith-Project=shop",
            "SPANMETER_FORWARD_QUEUE_MB": "1",
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
        ingest_tokens=Tokens.of(["in", "before"]),
        query_tokens=Tokens.of(["out"]),
        tls=TlsFiles(Path(__file__), Path(__file__), Path(__file__)),
        content=True,
        redact=Path(__file__),
        budgets=Path(__file__),
        redact_key="0123456789abcdef",
        forward=Forwarding(
            "https://me:pass@api.smith.langchain.com/otel",
            {"x-api-key": "lsv2=1", "langsmith-project": "shop"},
            2**20,
        ),
        retention_days=30,
        charge_retention_days=400,
        retention_gb=50,
    )
    assert settings.retention == Retention(span_days=30, charge_days=400, most_bytes=50_000_000_000)
    assert str(settings.listen) == "[::1]:8080"
    assert settings.shown_store == "clickhouse://db:8123/spanmeter"
    assert settings.forward is not None
    assert settings.forward.shown_url == "https://api.smith.langchain.com/otel"
    assert settings.secrets == {"secret", "in", "before", "out", "0123456789abcdef", "lsv2=1", "shop", "pass"}


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
        ("SPANMETER_STORE", "clickhouse://db/x?cluster=a%27b", "expected chdb:///absolute/directory or clickhouse://"),
        ("SPANMETER_STORE", "clickhouse://db:99999/x", "expected chdb:///absolute/directory or clickhouse://"),
        ("SPANMETER_STORE", "clickhouse://[::1/x", "expected chdb:///absolute/directory or clickhouse://"),
        ("SPANMETER_STORE", "clickhouse://a..b/x", "expected chdb:///absolute/directory or clickhouse://"),
        ("SPANMETER_LISTEN", "a..b:4318", "expected host:port with a port from 0 to 65535, such as 127.0.0.1:4318"),
        ("SPANMETER_FORWARD", "http://a..b:4318", "expected the base of an OTLP endpoint: http://tempo:4318"),
        ("SPANMETER_LOG_MB", "9" * 5000, "expected a whole number of megabytes from 1 to 65536"),
        ("SPANMETER_DATA_DIR", "~nobody-here/x", "nobody knows where this ~ is; expected a path without it"),
        ("SPANMETER_DATA_DIR", "x" * 5000, "the directory cannot be looked at: File name too long"),
        ("SPANMETER_PRICES", "x" * 5000, "the file cannot be looked at: File name too long"),
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
        ("SPANMETER_FORWARD", "tempo:4318", "expected the base of an OTLP endpoint: http://tempo:4318 or https://"),
        (
            "SPANMETER_FORWARD",
            "grpc://tempo:4317/otel",
            "expected the base of an OTLP endpoint: http://tempo:4318 or https://",
        ),
        ("SPANMETER_FORWARD", "http://tempo:4318/v1/traces", "expected the base of an OTLP endpoint"),
        ("SPANMETER_FORWARD", "http://tempo:99999", "expected the base of an OTLP endpoint"),
        ("SPANMETER_FORWARD_QUEUE_MB", "0", "expected a whole number of megabytes from 1 to 65536"),
        ("SPANMETER_CONTENT", "maybe", "expected on or off"),
        ("SPANMETER_BUDGETS", "/no/budgets.toml", "the file cannot be read: No such file or directory"),
        ("SPANMETER_REDACT", "/no/redact.toml", "the file cannot be read: No such file or directory"),
        ("SPANMETER_TLS_CERT", "/no/tls.crt", "the file cannot be read: No such file or directory"),
        ("SPANMETER_TLS_CERT", __file__, "TLS needs both SPANMETER_TLS_CERT and SPANMETER_TLS_KEY"),
        ("SPANMETER_TLS_CLIENT_CA", __file__, "TLS needs both SPANMETER_TLS_CERT and SPANMETER_TLS_KEY"),
        ("SPANMETER_INGEST_TOKEN_FILE", "/no/token", "the file cannot be read: No such file or directory"),
        ("SPANMETER_INGEST_TOKEN_FILE", "/dev/null", "expected a token on a line of this file, and it is empty"),
        ("SPANMETER_LISTENS", "x:1", "there is no such variable; known are SPANMETER_BUDGETS, SPANMETER_CHARGE_R"),
    ],
)
def test_a_wrong_value_is_refused_with_variable_value_and_what_is_allowed(
    variable: str, value: str, reason: str
) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_environment({"HOME": "/h", variable: value})

    assert str(refused.value).startswith(f"{variable}={value!r}: {reason}")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SPANMETER_QUERY_TOKEN", "my secret"),
        ("SPANMETER_QUERY_TOKEN", "secret,,"),
        ("SPANMETER_QUERY_TOKENS", "secret"),
        ("SPANMETER_INGEST_TOKN", "secret"),
        ("SPANMETER_REDACT_KY", "secret"),
        ("SPANMETER_STORE", "clickhouse:/me:secret@db/x"),
        ("SPANMETER_REDACT_KEY", "secret"),
        ("SPANMETER_FORWARD", "https:/me:secret@tempo"),
        ("SPANMETER_FORWARD", "https://tempo?key=secret"),
        ("SPANMETER_FORWARD_HEADERS", "secret"),
        ("SPANMETER_FORWARD_HEADERS", "x-api-key=secret"),
        ("SPANMETER_FORWARD_HEADERS", "x-api-key=secret%0d%0ahost: x"),
    ],
)
def test_a_secret_is_never_repeated_in_the_refusal(variable: str, value: str) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_environment({"HOME": "/h", variable: value})

    assert str(refused.value).startswith(f"{variable}='…': ")
    assert "secret" not in str(refused.value)


def test_tokens_may_stand_in_a_file_one_on_a_line(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("new\nold\n")

    settings = Settings.from_environment({"HOME": "/h", "SPANMETER_QUERY_TOKEN_FILE": f"{tmp_path}/token"})

    assert (settings.query_tokens, settings.secrets) == (Tokens.of(["new", "old"]), frozenset({"new", "old"}))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "[::1]", "localhost"])
def test_on_loopback_no_token_is_needed(host: str) -> None:
    environ = {"HOME": "/h", "SPANMETER_LISTEN": f"{host}:1", "SPANMETER_GRPC_LISTEN": f"{host}:2"}

    assert not Settings.from_environment(environ).ingest_tokens


INGEST = {"SPANMETER_INGEST_TOKEN": "in"}
QUERY = {"SPANMETER_QUERY_TOKEN": "out"}
EVERYWHERE = {"SPANMETER_LISTEN": "0.0.0.0:4318"}
GRPC_EVERYWHERE = {"SPANMETER_GRPC_LISTEN": "[::]:4317"}


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        (EVERYWHERE, "SPANMETER_INGEST_TOKEN and SPANMETER_QUERY_TOKEN"),
        (EVERYWHERE | INGEST, "SPANMETER_QUERY_TOKEN"),
        (EVERYWHERE | QUERY, "SPANMETER_INGEST_TOKEN"),
        ({"SPANMETER_LISTEN": "sidecar.example.com:4318"} | INGEST, "SPANMETER_QUERY_TOKEN"),
        (GRPC_EVERYWHERE, "SPANMETER_INGEST_TOKEN"),
        (GRPC_EVERYWHERE | QUERY, "SPANMETER_INGEST_TOKEN"),
        (EVERYWHERE | {"SPANMETER_OPEN_WITHOUT_TOKENS": "no"} | INGEST, "SPANMETER_QUERY_TOKEN"),
    ],
)
def test_listening_to_others_without_tokens_is_refused(environ: dict[str, str], missing: str) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_environment({"HOME": "/h"} | environ)

    (variable, value), *_ = environ.items()
    assert str(refused.value) == (
        f"{variable}={value!r}: others may reach this address and no token is asked for; set {missing}, "
        "or listen on 127.0.0.1, or, where nobody else reaches it, set SPANMETER_OPEN_WITHOUT_TOKENS=yes"
    )


@pytest.mark.parametrize(
    "environ",
    [
        EVERYWHERE | INGEST | QUERY,
        GRPC_EVERYWHERE | INGEST,
        EVERYWHERE | GRPC_EVERYWHERE | {"SPANMETER_OPEN_WITHOUT_TOKENS": "yes"},
        EVERYWHERE | {f"SPANMETER_TLS_{name}": __file__ for name in ("CERT", "KEY", "CLIENT_CA")},
    ],
    ids=["tokens", "grpc alone", "said twice", "client certificates"],
)
def test_listening_to_others_is_possible_with_tokens_or_when_said_twice(environ: dict[str, str]) -> None:
    settings = Settings.from_environment({"HOME": "/h"} | environ)

    assert not (settings.listen.is_loopback and settings.grpc_listen.is_loopback)


def test_charges_are_never_kept_shorter_than_spans() -> None:
    shorter = {"HOME": "/h", "SPANMETER_RETENTION_DAYS": "31", "SPANMETER_CHARGE_RETENTION_DAYS": "30"}

    with pytest.raises(SettingError) as refused:
        Settings.from_environment(shorter)

    told = "SPANMETER_CHARGE_RETENTION_DAYS='30': expected no less than SPANMETER_RETENTION_DAYS, which is 31"
    assert str(refused.value) == told
