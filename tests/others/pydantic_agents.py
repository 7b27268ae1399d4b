"""Pydantic AI and the clients of OpenAI and Anthropic under Logfire.

python pydantic_agents.py SIDECAR VERSION [openai anthropic]
"""

from __future__ import annotations

import sys
from typing import Any

import logfire
from anthropic import Anthropic
from comparing import Scenario, compare
from counting import Provider, serving
from openai import AsyncOpenAI, OpenAI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic_ai import Agent, Embedder
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

MINI = "gpt-4o-mini"
ASKED: list[Any] = [{"role": "user", "content": "a"}]


def shout(word: str) -> str:
    """Say it loud."""
    return word.upper()


async def streamed(agent: Agent) -> list[str]:
    async with agent.run_stream("a") as result:
        return [text async for text in result.stream_text()]


def agents(provider: Provider) -> dict[str, Scenario]:
    served = OpenAIProvider(openai_client=AsyncOpenAI(api_key="none", base_url=f"{provider.url}/v1", max_retries=0))
    chat = OpenAIChatModel(MINI, provider=served)
    claude = AnthropicModel("claude-sonnet-4-5", provider=AnthropicProvider(api_key="none", base_url=provider.url))
    plain, tools = Agent(chat, name="plain"), Agent(chat, tools=[shout], name="tools")

    async def ask(word: str) -> str:
        """Ask another agent."""
        return str((await plain.run(word)).output)

    outer = Agent(chat, tools=[ask], name="outer")
    responses = Agent(OpenAIResponsesModel(MINI, provider=served), tools=[shout])
    embedder = Embedder(OpenAIEmbeddingModel("text-embedding-3-small", provider=served))
    return {
        "agent": lambda: plain.run_sync("a"),
        "agent, async": lambda: plain.run("a"),
        "agent, stream": lambda: streamed(plain),
        "agent, tool": lambda: tools.run_sync("a"),
        "agent, tool, stream": lambda: streamed(tools),
        "agent in an agent": lambda: outer.run_sync("a"),
        "agent, failing": lambda: plain.run_sync("fail"),
        "agent, responses": lambda: responses.run_sync("a"),
        "agent, Anthropic": lambda: Agent(claude, tools=[shout]).run_sync("a"),
        "agent, Anthropic, stream": lambda: streamed(Agent(claude)),
        "embedder": lambda: embedder.embed_query_sync("a"),
    }


def clients(provider: Provider) -> dict[str, Scenario]:
    client: Any = OpenAI(api_key="none", base_url=f"{provider.url}/v1", max_retries=0)
    claude: Any = Anthropic(api_key="none", base_url=provider.url, max_retries=0)
    told = {"stream_options": {"include_usage": True}}
    given: dict[str, Any] = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": ASKED}
    return {
        "client": lambda: client.chat.completions.create(model=MINI, messages=ASKED),
        "client, stream": lambda: list(client.chat.completions.create(model=MINI, messages=ASKED, stream=True, **told)),
        "client, failing": lambda: client.chat.completions.create(
            model=MINI, messages=[{"role": "user", "content": "fail"}]
        ),
        "client, responses": lambda: client.responses.create(model=MINI, input="a"),
        "client, responses, stream": lambda: list(client.responses.create(model=MINI, input="a", stream=True)),
        "client, embeddings": lambda: client.embeddings.create(model="text-embedding-3-small", input=["a", "b"]),
        "Anthropic": lambda: claude.messages.create(**given),
        "Anthropic, stream": lambda: list(claude.messages.create(**given, stream=True)),
    }


def main() -> None:
    """Instrument, and ask in every way: what is named is watched besides Pydantic AI itself."""
    sidecar, *watched = sys.argv[1:]
    processor = BatchSpanProcessor(OTLPSpanExporter(f"{sidecar}/v1/traces"))
    logfire.configure(send_to_logfire=False, console=False, additional_span_processors=[processor])
    logfire.instrument_pydantic_ai(version=int(watched[0]) if watched and watched[0].isdigit() else None)
    for name in watched[1:]:
        getattr(logfire, f"instrument_{name}")()
    with serving() as provider:
        scenarios = agents(provider) | (clients(provider) if len(watched) > 1 else {})
        compare(scenarios, provider=provider, sidecar=sidecar, flush=logfire.force_flush)


if __name__ == "__main__":
    main()
