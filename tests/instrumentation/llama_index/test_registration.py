"""Installing, removing, and doing without LlamaIndex."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai import OpenAI

from spanmeter import llama_index as adapter
from spanmeter.llama_index import SpanmeterEventHandler, SpanmeterSpanHandler

QUESTION = [ChatMessage(content="What is a closure?")]


def _handlers() -> list[str]:
    root = get_dispatcher()
    handlers: list[Any] = [*root.event_handlers, *root.span_handlers]
    return [type(handler).__name__ for handler in handlers if type(handler).__module__.startswith("spanmeter")]


@pytest.mark.usefixtures("seen")
def test_installing_twice_adds_one_handler_each() -> None:
    adapter.install()
    assert _handlers() == ["SpanmeterEventHandler", "SpanmeterSpanHandler"]


def test_removing_leaves_no_trace(seen: Any, chat_model: OpenAI) -> None:
    adapter.remove()
    chat_model.chat(QUESTION)
    assert _handlers() == []
    assert seen.all == []


def test_removing_ends_an_open_stream(seen: Any, chat_model: OpenAI) -> None:
    stream = chat_model.stream_chat(QUESTION)
    adapter.remove()
    assert seen.outline() == ["chat gpt-4o-mini (cancelled)"]
    assert len(list(stream)) > 1


def test_removing_what_is_not_installed_does_nothing() -> None:
    adapter.remove()
    assert _handlers() == []


def test_handlers_of_the_applications_own_are_enough(seen: Any, chat_model: OpenAI) -> None:
    adapter.remove()
    get_dispatcher().add_event_handler(SpanmeterEventHandler())
    get_dispatcher().add_span_handler(SpanmeterSpanHandler())
    chat_model.chat(QUESTION)
    assert seen.outline() == ["chat gpt-4o-mini"]


def test_without_llama_index_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['llama_index'] = None; import spanmeter.llama_index"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'spanmeter[llama-index]'" in done.stderr
