"""Equal requests carry equal hashes under LangChain and LlamaIndex, unequal ones do not, and no content is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.core.base.llms.types import ChatMessage
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI as LlamaOpenAI
from pydantic import SecretStr

from spanmeter import asked
from spanmeter.hash_key import hash_key

KEY = "spanmeter.prompt.hash"
MODEL = "gpt-4o-mini"


@pytest.fixture(autouse=True)
def _hashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SPANMETER_HASH_KEY", "a key that only the tests know")
    hash_key.cache_clear()
    asked._hasher.cache_clear()
    yield
    monkeypatch.undo()
    hash_key.cache_clear()
    asked._hasher.cache_clear()


class Application:
    """The models of both frameworks, at one provider."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/v1"
        self.key = SecretStr("none")

    def chat(self, messages: Any, *, tools: Any = (), **options: Any) -> None:
        model = ChatOpenAI(model=MODEL, base_url=self.url, api_key=self.key, max_retries=0, **options)
        (model.bind_tools(tools) if tools else model).invoke(messages)

    def llama_chat(self, messages: list[ChatMessage], **options: Any) -> None:
        LlamaOpenAI(model=MODEL, api_base=self.url, api_key="none", max_retries=0, **options).chat(messages)

    def embed(self, texts: list[str], **options: Any) -> None:
        OpenAIEmbeddings(
            model="small",
            base_url=self.url,
            api_key=self.key,
            max_retries=0,
            check_embedding_ctx_length=False,
            **options,
        ).embed_documents(texts)

    def llama_embed(self, texts: list[str], **options: Any) -> None:
        OpenAIEmbedding(
            model="text-embedding-3-small", api_base=self.url, api_key="none", max_retries=0, **options
        ).get_text_embedding_batch(texts)


@pytest.fixture
def application(provider: Any) -> Application:
    return Application(provider.url)


def hashes(spans: Any) -> list[str]:
    return [span.attributes[KEY] for span in spans.calls()]


def weather(city: str) -> str:
    """Tell the weather."""
    return city


Ask = Callable[[Application], None]
CHAT = [SystemMessage("Be brief."), HumanMessage("hi")]
LLAMA_CHAT = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content="hi")]
ASKS: dict[str, tuple[Ask, tuple[Ask, ...]]] = {
    "langchain chat": (
        lambda app: app.chat(CHAT),
        (
            lambda app: app.chat([*CHAT, HumanMessage("hi")]),
            lambda app: app.chat([HumanMessage("Be brief."), HumanMessage("hi")]),
            lambda app: app.chat(CHAT, temperature=0.5),
            lambda app: app.chat(CHAT, tools=[weather]),
        ),
    ),
    "langchain tool calls": (
        lambda app: app.chat(_tool_messages(city="Rome")),
        (lambda app: app.chat(_tool_messages(city="Oslo")),),
    ),
    "langchain images": (
        lambda app: app.chat([HumanMessage([{"type": "image_url", "image_url": {"url": "https://a.test/1.png"}}])]),
        (lambda app: app.chat([HumanMessage([{"type": "image_url", "image_url": {"url": "https://a.test/2.png"}}])]),),
    ),
    "langchain embeddings": (
        lambda app: app.embed(["a", "b"]),
        (lambda app: app.embed(["ab"]), lambda app: app.embed(["a", "b"], dimensions=8)),
    ),
    "llama_index chat": (
        lambda app: app.llama_chat(LLAMA_CHAT),
        (
            lambda app: app.llama_chat([LLAMA_CHAT[1]]),
            lambda app: app.llama_chat(LLAMA_CHAT, temperature=0.5),
            lambda app: app.llama_chat([*LLAMA_CHAT, LLAMA_CHAT[1]]),
        ),
    ),
    "llama_index embeddings": (lambda app: app.llama_embed(["a", "b"]), (lambda app: app.llama_embed(["ab"]),)),
}


def _tool_messages(*, city: str) -> list[Any]:
    identity = f"call_{id(city)}_{object()!r}"
    call = {"name": "weather", "args": {"city": city}, "id": identity}
    return [HumanMessage("weather?"), AIMessage("", tool_calls=[call]), ToolMessage("rain", tool_call_id=identity)]


@pytest.mark.parametrize("asks", ASKS.values(), ids=list(ASKS))
def test_equal_requests_have_equal_hashes_and_others_have_not(
    application: Application, instrumented: Any, asks: tuple[Ask, tuple[Ask, ...]]
) -> None:
    ask, others = asks
    for each in (ask, ask, *others):
        each(application)

    first, again, *different = hashes(instrumented)
    assert first == again
    assert len({first, *different}) == 1 + len(others)


def test_one_text_has_one_hash_and_is_told_as_repeated_whoever_embeds_it(
    application: Application, instrumented: Any
) -> None:
    application.llama_embed(["a text of this test alone"])
    application.llama_embed(["a text of this test alone", "and another one"])

    first, second = instrumented.calls()
    assert "spanmeter.prompt.repeated_bytes" not in first.attributes
    assert second.attributes["spanmeter.prompt.repeated_bytes"] == 25
    assert second.attributes["spanmeter.prompt.bytes"] == 40


def test_a_completion_has_a_hash_and_none_of_its_words(instrumented: Any) -> None:
    FakeListLLM(responses=["yes"]).invoke("the secret word")

    (span,) = instrumented.calls()
    assert len(span.attributes[KEY]) == 16
    assert "secret" not in repr(dict(span.attributes))
