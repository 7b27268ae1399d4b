"""The sidecar as the command line sees it."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from spanmeter_collector.sidecar import (
    RefusedError,
    SidecarError,
    add_selection,
    ask,
    default_url,
    query_token,
    selection,
)

STOPPED = "it was stopped or failed before the answer was complete; its log says why"


class Impostor(BaseHTTPRequestHandler):
    """Some program: each path names the status it answers with; /202 tells the authorization it was given."""

    def do_GET(self) -> None:
        status = int(self.path[1:4])
        self.send_response(status)
        self.end_headers()
        told = {"authorization": self.headers.get("Authorization")} if status == 202 else "text"
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Nothing."""


@pytest.fixture
def impostor() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Impostor) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("", "http://127.0.0.1:4318"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("0.0.0.0:4318", "http://127.0.0.1:4318"),
        ("[::]:4318", "http://[::1]:4318"),
        ("sidecar.internal:80", "http://sidecar.internal:80"),
    ],
)
def test_the_address_is_where_the_same_environment_would_listen(listen: str, url: str) -> None:
    assert default_url({"SPANMETER_LISTEN": listen}) == url
    assert default_url({"SPANMETER_LISTEN": listen, "SPANMETER_TLS_CERT": "x"}) == url.replace("http:", "https:")


@pytest.mark.parametrize(("tokens", "token"), [("", ""), ("one", "one"), ("new,old", "new")])
def test_of_several_tokens_the_first_is_shown(tokens: str, token: str) -> None:
    assert query_token({"SPANMETER_QUERY_TOKEN": tokens}) == token


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://host", "127.0.0.1:4318", "", "http://", "http://[::1", "http://host:65536"]
)
def test_only_http_is_asked(url: str) -> None:
    with pytest.raises(RefusedError, match=r"^--url .*is no address; allowed: http://host:port or https://host:port$"):
        ask(url, "/api/v1/cost")


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/401", "the sidecar asks for its token; set SPANMETER_QUERY_TOKEN to what the sidecar was started with"),
        ("/404", "{url}/404 answered 404 Not Found; is this a sidecar?"),
        ("/500", f"{{url}}/500 answered 500 Internal Server Error: {STOPPED}"),
        ("/200", "{url} is no sidecar: it answered without a JSON object"),
    ],
)
def test_whatever_answers_wrongly_is_named(impostor: str, path: str, sentence: str) -> None:
    with pytest.raises(SidecarError) as refusal:
        ask(impostor, path)
    assert str(refusal.value) == sentence.format(url=impostor)


@pytest.mark.parametrize(("token", "authorization"), [("s3cret", "Bearer s3cret"), ("", None)])
def test_the_token_of_the_environment_is_sent(
    impostor: str, monkeypatch: pytest.MonkeyPatch, token: str, authorization: str | None
) -> None:
    monkeypatch.setenv("SPANMETER_QUERY_TOKEN", token)
    assert ask(impostor, "/202") == {"authorization": authorization}


def test_options_become_query_parameters() -> None:
    parser = argparse.ArgumentParser()
    add_selection(parser)
    words = ["--since", "1h", "--where", "model=a=b", "--where", "tag.k=", "--where", "model=c"]
    assert selection(parser.parse_args(words)) == [
        ("since", "1h"),
        ("until", ""),
        ("model", "a=b"),
        ("tag.k", ""),
        ("model", "c"),
    ]
