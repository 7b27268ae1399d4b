"""An application that calls as it is told, line by line: `call 3`, `fork 2`, `tell`.

python -m tests.e2e.telling langchain|llama_index SIDECAR PROVIDER
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import spanmeter


def asking(framework: str, provider: str) -> Callable[[], object]:
    """One question of a framework to the provider."""
    if framework == "langchain":
        from langchain_openai import ChatOpenAI  # noqa: PLC0415  one of them takes seconds to import
        from pydantic import SecretStr  # noqa: PLC0415

        chat = ChatOpenAI(model="gpt-4o-mini", base_url=f"{provider}/v1", api_key=SecretStr("none"), max_retries=0)
        return lambda: chat.invoke("a question")
    from llama_index.llms.openai import OpenAI  # noqa: PLC0415

    llm = OpenAI(model="gpt-4o-mini", api_base=f"{provider}/v1", api_key="none", max_retries=0)
    return lambda: llm.complete("a question")


def main(framework: str, sidecar: str, provider: str) -> None:
    """Obey what stands on standard input, and say when each line is done."""
    spanmeter.instrument(service_name="shop", endpoint=sidecar)
    ask = asking(framework, provider)

    def call(times: int) -> None:
        for _ in range(times):
            ask()

    def fork(times: int) -> None:
        child = os.fork()
        if child == 0:
            call(times)
            sys.exit()
        os.waitpid(child, 0)

    def tell(_: int) -> None:
        provider = trace.get_tracer_provider()
        if isinstance(provider, TracerProvider):
            provider.force_flush()

    obey({"call": call, "fork": fork, "tell": tell})


def obey(orders: Mapping[str, Callable[[int], None]]) -> None:
    """Do line by line what is asked."""
    for line in sys.stdin:
        order, _, times = line.strip().partition(" ")
        orders[order](int(times or 0))
        print("done", flush=True)  # noqa: T201  the test waits for it


if __name__ == "__main__":
    main(*sys.argv[1:])
