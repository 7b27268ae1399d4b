"""An application of `@traceable` functions, and what its provider says that its calls cost.

python -m tests.e2e.tracing SIDECAR
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import openai
from counting import serving
from langchain_openai import ChatOpenAI
from langsmith import traceable
from langsmith.run_trees import get_cached_client
from langsmith.wrappers import wrap_openai
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai import OpenAI

import spanmeter


def requests(url: str) -> dict[str, Callable[[], object]]:
    """What the application is asked, by name."""
    given: dict[str, Any] = {"api_key": "none", "base_url": f"{url}/v1", "max_retries": 0}
    model = ChatOpenAI(model="gpt-4o-mini", stream_usage=True, **given)
    llama = OpenAI(model="gpt-4o-mini", api_key="none", api_base=f"{url}/v1", max_retries=0)
    client = wrap_openai(openai.OpenAI(**given))

    @traceable(run_type="tool")
    def look_up(text: str) -> str:
        return str(llama.chat([ChatMessage(text)]).message.content)

    def direct(text: str, **options: Any) -> Any:
        asked: Any = [{"role": "user", "content": text}]
        return client.chat.completions.create(model="gpt-4o-mini", messages=asked, **options)

    @traceable
    def answer(text: str) -> str:
        return look_up(str(model.invoke(text).content))

    @traceable
    async def answer_later(text: str) -> str:
        return str((await model.ainvoke(text)).content)

    @traceable
    async def stream(text: str) -> AsyncIterator[str]:
        async for chunk in model.astream(text):
            yield str(chunk.content)

    @traceable
    def without_a_framework(text: str) -> None:
        direct(text)
        list(direct(text, stream=True, stream_options={"include_usage": True}))

    async def streamed() -> list[str]:
        return [piece async for piece in stream("a")]

    return {
        "plain": lambda: answer("a"),
        "asynchronous": lambda: asyncio.run(answer_later("a")),
        "streamed": lambda: asyncio.run(streamed()),
        "without a framework": lambda: without_a_framework("a"),
    }


def main() -> None:
    """Ask, and tell by request what the provider says: calls, input tokens, output tokens, dollars."""
    spanmeter.instrument(service_name="tracing", endpoint=sys.argv[1])
    told = {}
    with serving() as provider:
        for name, ask in requests(provider.url).items():
            before = len(provider.answers)
            with spanmeter.context(feature=name):
                ask()
            accounts = [answered.account for answered in provider.answers[before:]]
            told[name] = [str(sum(figures)) for figures in zip(*accounts, strict=True)]
        get_cached_client().flush()
    spanmeter.uninstrument()
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
