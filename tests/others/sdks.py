"""Langfuse, LiteLLM, MLflow and OpenAI Agents: libraries that tell of calls to a client themselves.

python sdks.py SIDECAR langfuse|litellm|mlflow|agents
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from comparing import Scenario, compare
from counting import Provider, serving
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

MINI = "gpt-4o-mini"
SMALL = "text-embedding-3-small"
ASKED: list[Any] = [{"role": "user", "content": "a"}]
FAILS: list[Any] = [{"role": "user", "content": "fail"}]
TOLD: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
LATE_SPANS_S = 1.5


def clients(provider: Provider, openai: Any) -> dict[str, Scenario]:
    """The client of OpenAI, or a wrapper of it."""
    given = {"api_key": "none", "base_url": f"{provider.url}/v1", "max_retries": 0}
    client, several = openai.OpenAI(**given), openai.AsyncOpenAI(**given)
    return {
        "client": lambda: client.chat.completions.create(model=MINI, messages=ASKED),
        "client, async": lambda: several.chat.completions.create(model=MINI, messages=ASKED),
        "client, stream": lambda: list(client.chat.completions.create(model=MINI, messages=ASKED, **TOLD)),
        "client, failing": lambda: client.chat.completions.create(model=MINI, messages=FAILS),
        "client, responses": lambda: client.responses.create(model=MINI, input="a"),
        "client, embeddings": lambda: client.embeddings.create(model=SMALL, input=["a"]),
    }


def langfuse(provider: Provider, tracer_provider: TracerProvider) -> dict[str, Scenario]:
    module = importlib.import_module("langfuse")
    module.Langfuse(public_key="pk", secret_key="sk", host="http://127.0.0.1:9", tracer_provider=tracer_provider)
    callback = importlib.import_module("langfuse.langchain").CallbackHandler()
    chat = importlib.import_module("langchain_openai").ChatOpenAI
    model = chat(model=MINI, api_key="none", base_url=f"{provider.url}/v1", max_retries=0, stream_usage=True)
    config = {"callbacks": [callback]}
    asked = clients(provider, importlib.import_module("langfuse.openai").openai)
    return asked | {
        "observed": module.observe(name="work")(asked["client"]),
        "observed as a generation": module.observe(name="work", as_type="generation")(asked["client"]),
        "LangChain": lambda: model.invoke("a", config=config),
        "LangChain, stream": lambda: list(model.stream("a", config=config)),
        "LangChain, async": lambda: model.ainvoke("a", config=config),
    }


def litellm(provider: Provider, _: TracerProvider) -> dict[str, Scenario]:
    module: Any = importlib.import_module("litellm")
    module.callbacks = ["otel"]
    url = f"{provider.url}/v1"
    given: dict[str, Any] = {"model": f"openai/{MINI}", "api_key": "none", "api_base": url}
    claude = {"model": "anthropic/claude-sonnet-4-5", "api_key": "none", "api_base": provider.url, "max_tokens": 9}

    async def later() -> None:
        await module.acompletion(messages=ASKED, **given)
        await asyncio.sleep(LATE_SPANS_S)  # its callback runs in the loop, after the answer

    return {
        "completion": lambda: module.completion(messages=ASKED, **given),
        "completion, async": later,
        "completion, stream": lambda: list(module.completion(messages=ASKED, **TOLD, **given)),
        "completion, failing": lambda: module.completion(messages=FAILS, num_retries=0, max_retries=0, **given),
        "embedding": lambda: module.embedding(
            input=["a"], model=f"openai/{SMALL}", api_key=given["api_key"], api_base=url
        ),
        "Anthropic": lambda: module.completion(messages=ASKED, **claude),
        "Anthropic, stream": lambda: list(module.completion(messages=ASKED, stream=True, **claude)),
    }


def mlflow(provider: Provider, _: TracerProvider) -> dict[str, Scenario]:
    del os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]  # or it would send metrics, for which it lacks a module of MLflow
    importlib.import_module("mlflow").openai.autolog()
    return clients(provider, importlib.import_module("openai"))


def agents(provider: Provider, tracer_provider: TracerProvider) -> dict[str, Scenario]:
    module, openai = importlib.import_module("agents"), importlib.import_module("openai")
    instrumentor = importlib.import_module("openinference.instrumentation.openai_agents").OpenAIAgentsInstrumentor
    instrumentor().instrument(tracer_provider=tracer_provider)
    client = openai.AsyncOpenAI(api_key="none", base_url=f"{provider.url}/v1", max_retries=0)
    settings = module.ModelSettings(include_usage=True)
    chat = module.Agent(name="x", model=module.OpenAIChatCompletionsModel(MINI, client), model_settings=settings)
    responses = module.Agent(name="x", model=module.OpenAIResponsesModel(MINI, client))

    async def streamed() -> list[Any]:
        return [event async for event in module.Runner.run_streamed(chat, "a").stream_events()]

    return {
        "agent": lambda: module.Runner.run(chat, "a"),
        "agent, stream": streamed,
        "agent, responses": lambda: module.Runner.run(responses, "a"),
    }


SDKS: dict[str, Callable[[Provider, TracerProvider], dict[str, Scenario]]] = {
    "langfuse": langfuse,
    "litellm": litellm,
    "mlflow": mlflow,
    "agents": agents,
}


def _flush(tracer_provider: TracerProvider, late_s: float) -> None:
    time.sleep(late_s)
    tracer_provider.force_flush()


def main() -> None:
    """Let the library tell the sidecar, and ask in every way."""
    sidecar, name = sys.argv[1:]
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": sidecar, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{sidecar}/v1/traces"}
    os.environ.update(endpoint)
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{sidecar}/v1/traces")))
    trace.set_tracer_provider(tracer_provider)
    with serving() as provider:
        scenarios = SDKS[name](provider, tracer_provider)
        late_s = float(os.environ.get("LATE_SPANS_S", LATE_SPANS_S))
        compare(
            scenarios,
            provider=provider,
            sidecar=sidecar,
            flush=lambda: _flush(tracer_provider, late_s),
        )


if __name__ == "__main__":
    main()
