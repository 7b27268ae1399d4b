"""LangChain, LlamaIndex and the clients of OpenAI and Anthropic, under the instrumentations that are named.

python asking.py SIDECAR [MODULE:CLASS ...]
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import llama_index.core
from anthropic import Anthropic
from comparing import Scenario, compare, consumed
from counting import Provider, serving
from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.core import VectorStoreIndex
from llama_index.core.llms import ChatMessage
from llama_index.core.schema import TextNode
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI as LlamaOpenAI
from openai import AsyncOpenAI, OpenAI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

MINI = "gpt-4o-mini"
SMALL = "text-embedding-3-small"
SONNET = "claude-sonnet-4-5"
ASKED: list[Any] = [{"role": "user", "content": "a"}]
TOLD = {"stream_options": {"include_usage": True}}


def clients(provider: Provider) -> dict[str, Scenario]:
    client: Any = OpenAI(api_key="none", base_url=f"{provider.url}/v1", max_retries=0)
    several: Any = AsyncOpenAI(api_key="none", base_url=f"{provider.url}/v1", max_retries=0)
    anthropic: Any = Anthropic(api_key="none", base_url=provider.url, max_retries=0)
    given: dict[str, Any] = {"model": SONNET, "max_tokens": 9, "messages": ASKED}
    return {
        "client": lambda: client.chat.completions.create(model=MINI, messages=ASKED),
        "client, async": lambda: several.chat.completions.create(model=MINI, messages=ASKED),
        "client, stream": lambda: list(client.chat.completions.create(model=MINI, messages=ASKED, stream=True, **TOLD)),
        "client, three choices": lambda: client.chat.completions.create(model=MINI, messages=ASKED, n=3),
        "client, failing": lambda: client.chat.completions.create(
            model=MINI, messages=[{"role": "user", "content": "fail"}]
        ),
        "client, responses": lambda: client.responses.create(model=MINI, input="a"),
        "client, responses, stream": lambda: list(client.responses.create(model=MINI, input="a", stream=True)),
        "client, embeddings": lambda: client.embeddings.create(model=SMALL, input=["a", "b"]),
        "Anthropic": lambda: anthropic.messages.create(**given),
        "Anthropic, stream": lambda: list(anthropic.messages.create(**given, stream=True)),
        "Anthropic, failing": lambda: anthropic.messages.create(
            **given | {"messages": [{"role": "user", "content": "fail"}]}
        ),
    }


def shout(word: str) -> str:
    """Say it loud."""
    return word.upper()


def langchain(provider: Provider) -> dict[str, Scenario]:
    given: dict[str, Any] = {"api_key": "none", "base_url": f"{provider.url}/v1", "max_retries": 0}
    model: Any = ChatOpenAI(model=MINI, stream_usage=True, **given)
    claude = ChatAnthropic(**given | {"model": SONNET, "base_url": provider.url})
    embed = OpenAIEmbeddings(model=SMALL, check_embedding_ctx_length=False, **given)
    question = {"messages": [HumanMessage("a")]}
    agent: Any = create_agent(model, [shout])
    return {
        "LangChain": lambda: model.invoke("a"),
        "LangChain, async": lambda: model.ainvoke("a"),
        "LangChain, stream": lambda: list(model.stream("a")),
        "LangChain, async stream": lambda: consumed(model.astream("a")),
        "LangChain, batch": lambda: model.batch(["a"] * 4),
        "LangChain, failing": lambda: model.invoke("fail"),
        "LangChain, fallback": lambda: (
            RunnableLambda(lambda _: model.invoke("fail")).with_fallbacks([model]).invoke("a")
        ),
        "LangChain, embeddings": lambda: embed.embed_documents(["a", "b"]),
        "LangChain, agent": lambda: agent.invoke(question),
        "LangChain, agent, async": lambda: agent.ainvoke(question),
        "LangChain, agent, messages": lambda: list(agent.stream(question, stream_mode="messages")),
        "LangChain, Anthropic": lambda: claude.invoke("a"),
        "LangChain, Anthropic, stream": lambda: list(claude.stream("a")),
    }


def llama_index_(provider: Provider) -> dict[str, Scenario]:
    given: dict[str, Any] = {"api_key": "none", "api_base": f"{provider.url}/v1", "max_retries": 0}
    model = LlamaOpenAI(model=MINI, **given)
    streamed = LlamaOpenAI(model=MINI, additional_kwargs=TOLD, **given)
    embedder = OpenAIEmbedding(model=SMALL, **given)
    index = VectorStoreIndex(nodes=[TextNode(text="one", embedding=[0.1, 0.2])], embed_model=embedder)
    engine = index.as_query_engine(llm=model)
    chat = ChatOpenAI(model=MINI, api_key=given["api_key"], base_url=given["api_base"], max_retries=0)
    return {
        "LlamaIndex": lambda: model.chat([ChatMessage("a")]),
        "LlamaIndex, completion": lambda: model.complete("a"),
        "LlamaIndex, async": lambda: model.achat([ChatMessage("a")]),
        "LlamaIndex, stream": lambda: list(streamed.stream_chat([ChatMessage("a")])),
        "LlamaIndex, failing": lambda: model.chat([ChatMessage("fail")]),
        "LlamaIndex, query": lambda: engine.query("a"),
        "LlamaIndex, async query": lambda: engine.aquery("a"),
        "LangChain around LlamaIndex": lambda: (
            RunnableLambda(engine.query) | (lambda said: chat.invoke(str(said)))
        ).invoke("a"),
        "four threads": lambda: _at_once([chat.invoke] * 4),
        "four threads of two frameworks": lambda: _at_once([chat.invoke, model.complete] * 2),
    }


def _at_once(questions: list[Any]) -> list[Any]:
    with ThreadPoolExecutor(len(questions)) as threads:
        return list(threads.map(lambda ask: ask("a"), questions))


def _flush(tracer_provider: TracerProvider, late_s: float) -> None:
    time.sleep(late_s)
    tracer_provider.force_flush()


def main() -> None:
    """Instrument, and ask in every way."""
    sidecar, *instrumentors = sys.argv[1:]
    llama_index.core.global_tokenizer = str.split
    exporter = OTLPSpanExporter(f"{sidecar}/v1/traces")
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(tracer_provider)
    with serving() as provider:
        scenarios = clients(provider) | langchain(provider) | llama_index_(provider)
        for named in instrumentors:
            module, _, kind = named.partition(":")
            getattr(importlib.import_module(module), kind)().instrument(tracer_provider=tracer_provider)
        late_s = float(os.environ.get("LATE_SPANS_S", "0"))
        compare(
            scenarios,
            provider=provider,
            sidecar=sidecar,
            flush=lambda: _flush(tracer_provider, late_s),
        )


if __name__ == "__main__":
    main()
