"""`configure_logging` changes what it says, leaves the rest alone and takes all of it back."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import llama_index.core
import pytest
import uvicorn
from langchain_core.globals import get_debug
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_core.tracers import stdout
from langchain_openai import ChatOpenAI
from llama_index.core import VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI
from pydantic import SecretStr

import spanmeter
from spanmeter.capture import VARIABLE
from spanmeter.logs import CLIENTS, FRAMEWORKS, PROVIDERS

SECRET_WORDS = "the recipe of the house"


@contextlib.contextmanager
def program() -> Iterator[None]:
    """Give a test the root logger as a program finds it: without handlers, at level warning. pytest adds its own."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    root.setLevel(logging.WARNING)
    try:
        yield
    finally:
        spanmeter.configure_logging().undo()
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture
def root() -> logging.Logger:
    return logging.getLogger()


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


def state() -> Any:
    names = ("", *CLIENTS, *PROVIDERS, *FRAMEWORKS, "langchain.debug", "llama_index.debug")
    loggers = [logging.getLogger(name) for name in names]
    switches = (get_debug(), stdout.ConsoleCallbackHandler, llama_index.core.global_handler, len(sys.meta_path))
    return [(logger.level, logger.handlers[:]) for logger in loggers], switches


def langchain(provider: Any) -> None:
    @tool
    def look_up(word: str) -> str:
        """Look it up."""
        return f"found {word}"

    model = ChatOpenAI(model="gpt-5", base_url=f"{provider.url}/v1", api_key=SecretStr("none"), max_retries=0)
    (RunnableLambda(lambda text: text, name="prepare") | model).invoke(SECRET_WORDS)
    look_up.invoke({"word": SECRET_WORDS})
    provider.fail_next = [400]
    with pytest.raises(Exception, match="no"):
        model.invoke(SECRET_WORDS)


def llama_index_query(provider: Any) -> None:
    options: dict[str, Any] = {"api_key": "none", "api_base": f"{provider.url}/v1", "max_retries": 0}
    embedder = OpenAIEmbedding(model="text-embedding-3-small", **options)
    index = VectorStoreIndex(nodes=[TextNode(text=SECRET_WORDS, embedding=[0.1, 0.2])], embed_model=embedder)
    index.as_query_engine(llm=OpenAI(model="gpt-4o-mini", **options)).query(SECRET_WORDS)


@program()
def test_production_writes_json_lines_at_level_info(written: io.StringIO) -> None:
    with spanmeter.configure_logging(stream=written), spanmeter.context(tenant="acme"):
        logging.getLogger("shop").info("open")
        logging.getLogger("shop").debug("closed")

    (line,) = (json.loads(line) for line in written.getvalue().splitlines())
    assert (line["message"], line["level"], line["tenant"]) == ("open", "info", "acme")


@pytest.mark.usefixtures("instrumented")
@program()
def test_production_quiets_clients_and_says_nothing_of_prompts(provider: Any, written: io.StringIO) -> None:
    with spanmeter.configure_logging(stream=written):
        langchain(provider)
        llama_index_query(provider)
        logging.getLogger("httpx").warning("slow")

    assert [json.loads(line)["message"] for line in written.getvalue().splitlines()] == ["slow"]


@program()
def test_debug_turns_on_the_frameworks_own_output_without_texts(provider: Any, written: io.StringIO) -> None:
    with spanmeter.configure_logging("debug", stream=written):
        assert get_debug()
        langchain(provider)
        llama_index_query(provider)

    text = written.getvalue()
    for expected in (
        "[chain/start] [chain:RunnableSequence] Entering Chain run with input:",
        "[llm/end] [chain:RunnableSequence > llm:ChatOpenAI]",
        "[tool/end] [tool:look_up]",
        "[llm/error] [llm:ChatOpenAI]",
        "Trace: query",
        ".LLM -> ",
        "HTTP Request: POST",
    ):
        assert expected in text
    assert "\x1b" not in text
    assert (SECRET_WORDS in text, "Hello world" in text) == (False, False)


@program()
def test_texts_stand_in_debugging_output_once_content_is_captured(
    provider: Any, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "SPAN_ONLY")
    with spanmeter.configure_logging("debug", stream=written):
        langchain(provider)

    assert (SECRET_WORDS in written.getvalue(), "Hello world" in written.getvalue()) == (True, True)


@pytest.mark.parametrize("mode", ["production", "debug"])
@program()
def test_everything_is_taken_back(mode: Any) -> None:
    before = state()
    logs = spanmeter.configure_logging(mode)
    assert state() != before
    logs.undo()
    assert state() == before
    logs.undo()
    assert state() == before


@program()
def test_calling_it_again_replaces_what_it_did(root: logging.Logger, written: io.StringIO) -> None:
    before = state()
    first = spanmeter.configure_logging("debug")
    second = spanmeter.configure_logging("production", stream=written)
    logging.getLogger("shop").info("open")

    assert (len(root.handlers), get_debug(), len(written.getvalue().splitlines())) == (1, False, 1)
    first.undo()
    assert len(root.handlers) == 1
    second.undo()
    assert state() == before


@program()
def test_the_applications_handlers_and_level_stay(root: logging.Logger, written: io.StringIO) -> None:
    own = logging.StreamHandler(io.StringIO())
    root.addHandler(own)
    root.setLevel(logging.ERROR)
    with spanmeter.configure_logging(stream=written):
        logging.getLogger("shop").warning("low")
        logging.getLogger("shop").error("empty")
        assert (root.handlers[0], root.level) == (own, logging.ERROR)

    assert own.stream.getvalue() == "empty\n"
    assert [json.loads(line)["message"] for line in written.getvalue().splitlines()] == ["empty"]
    assert root.handlers == [own]


@program()
def test_they_are_replaced_when_asked_and_come_back(root: logging.Logger, written: io.StringIO) -> None:
    own = logging.StreamHandler(io.StringIO())
    root.addHandler(own)
    with spanmeter.configure_logging(stream=written, replace_handlers=True, level="WARNING"):
        logging.getLogger("shop").info("open")
        logging.getLogger("shop").warning("low")

    assert (own.stream.getvalue(), len(written.getvalue().splitlines())) == ("", 1)
    assert (root.handlers, root.level) == ([own], logging.WARNING)


@program()
@pytest.mark.parametrize("mode", ["production", "debug"])
def test_a_web_servers_lines_are_ours_when_handlers_are_replaced_and_tell_no_query(
    mode: Any, written: io.StringIO
) -> None:
    configured = uvicorn.Config("app")  # gives uvicorn's loggers handlers of their own
    access = logging.getLogger("uvicorn.access")
    theirs = [*access.handlers]
    replaced: dict[str, Any] = {"stream": written, "replace_handlers": True}
    with program(), spanmeter.configure_logging(mode, **replaced), spanmeter.context(tenant="acme"):
        access.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", f"/ask?q={SECRET_WORDS}", "1.1", 200)

    assert (configured.log_level, access.handlers, access.propagate) == (None, theirs, False)
    assert '127.0.0.1:1 - "GET /ask HTTP/1.1" 200' in written.getvalue().replace("\\", "")
    assert "acme" in written.getvalue()


def test_a_logger_with_a_level_of_its_own_keeps_it() -> None:
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    try:
        with spanmeter.configure_logging():
            assert logging.getLogger("httpx").level == logging.DEBUG
        assert logging.getLogger("httpx").level == logging.DEBUG
    finally:
        logging.getLogger("httpx").setLevel(logging.NOTSET)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mode": "quiet"}, "mode is 'quiet'; it must be one of production, debug"),
        ({"level": "loud"}, "Unknown level: 'loud'"),
    ],
)
@program()
def test_what_cannot_be_is_refused_and_nothing_is_changed(options: dict[str, Any], said: str) -> None:
    before = state()
    with pytest.raises(ValueError, match=said):
        spanmeter.configure_logging(**options)
    assert state() == before


LATE = """
import logging, spanmeter
logs = spanmeter.configure_logging("debug")
from langchain_core.globals import get_debug
from langchain_core.runnables import RunnableLambda
RunnableLambda(lambda text: text, name="late").invoke("x")
from llama_index.core.llms import MockLLM
MockLLM().complete("x")
print(get_debug())
logs.undo()
print(get_debug())
"""


def test_a_framework_imported_later_is_switched_on_then() -> None:
    ran = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=True)

    assert ran.stdout.split() == ["True", "False"]
    assert "[chain/start] [chain:late]" in ran.stderr
    assert "llama_index.debug  Trace: completion" in ran.stderr
