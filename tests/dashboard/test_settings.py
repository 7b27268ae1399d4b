from __future__ import annotations

import pytest

from spanmeter_dashboard.settings import Settings, SettingsError, read


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        pytest.param([], {}, Settings("http://127.0.0.1:4318"), id="default"),
        pytest.param([], {"SPANMETER_LISTEN": "127.0.0.1:5000"}, Settings("http://127.0.0.1:5000"), id="listen"),
        pytest.param([], {"SPANMETER_LISTEN": "0.0.0.0:5000"}, Settings("http://127.0.0.1:5000"), id="every interface"),
        pytest.param([], {"SPANMETER_LISTEN": "[::]:5000"}, Settings("http://[::1]:5000"), id="every interface, IPv6"),
        pytest.param(["--url", "https://s:1/"], {"SPANMETER_LISTEN": "x:2"}, Settings("https://s:1"), id="url wins"),
        pytest.param(["--url", "http://s"], {"SPANMETER_QUERY_TOKEN": "t"}, Settings("http://s", "t"), id="token"),
        pytest.param(["--url", "http://s"], {"SPANMETER_QUERY_TOKEN": "t,u"}, Settings("http://s", "t"), id="tokens"),
        pytest.param(["--url", "http://s", "--note", "a b"], {}, Settings("http://s", "", "a b"), id="note"),
        pytest.param([], {"SPANMETER_TLS_CERT": "tls.crt"}, Settings("https://127.0.0.1:4318"), id="TLS"),
    ],
)
def test_the_address_comes_from_the_command_line_then_the_environment(
    arguments: list[str], environment: dict[str, str], expected: Settings
) -> None:
    assert read(arguments, environment) == expected


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        pytest.param(["--url", "s:1"], {}, "--url is 's:1'; it must be http://HOST:PORT.", id="no scheme"),
        pytest.param([], {"SPANMETER_LISTEN": "4318"}, "SPANMETER_LISTEN is '4318'; it must be HOST:PORT.", id="port"),
        pytest.param([], {"SPANMETER_LISTEN": "a:b"}, "SPANMETER_LISTEN is 'a:b'; it must be HOST:PORT.", id="word"),
        pytest.param(
            ["--uri"], {}, "The dashboard does not know '--uri'; allowed is --url http://HOST:PORT.", id="unknown"
        ),
        pytest.param(
            ["--url"],
            {},
            "argument --url: expected one argument; give it as --url http://127.0.0.1:4318",
            id="nothing behind it",
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    arguments: list[str], environment: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        read(arguments, environment)
    assert str(refused.value) == message


def test_a_token_does_not_show_in_the_settings_text() -> None:
    assert repr(Settings("http://s", "secret")) == "Settings(url='http://s')"
