from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from spanmeter_rag.asking import UnansweredError, ask_all, trickle
from spanmeter_rag.ports import LOOPBACK, free
from spanmeter_rag.visitors import visits


class Answering(BaseHTTPRequestHandler):
    status = 200

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.status)
        self.send_header("content-length", "4")
        self.end_headers()
        self.wfile.write(b"text")

    def log_message(self, *_: object) -> None: ...


class Refusing(Answering):
    status = 502


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with ThreadingHTTPServer((LOOPBACK, 0), request.param) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{LOOPBACK}:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("url", [Answering], indirect=True)
def test_all_are_asked_and_counted(url: str) -> None:
    assert ask_all(url, visits(9)) == 9


@pytest.mark.parametrize("url", [Refusing], indirect=True)
def test_a_question_without_an_answer_is_named_with_what_was_said(url: str) -> None:
    (visit,) = visits(1)
    with pytest.raises(UnansweredError) as error:
        ask_all(url, [visit])
    assert str(error.value) == f"{visit.question!r} (langchain, sync): 502 text"


def test_a_service_that_is_not_there_is_named() -> None:
    with pytest.raises(UnansweredError, match="ConnectError"):
        ask_all(f"http://{LOOPBACK}:{free()}", visits(1))


@pytest.mark.parametrize("url", [Answering], indirect=True)
def test_a_trickle_checks_the_parts_after_every_question(url: str) -> None:
    checked: list[None] = []
    trickle(url, visits(3), pause_s=0, check=lambda: checked.append(None))
    assert len(checked) == 3
