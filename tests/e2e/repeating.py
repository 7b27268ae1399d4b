"""An application that asks some things again, and what its provider charged for those by the provider's own record.

python -m tests.e2e.repeating SIDECAR
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import Any

import llama_index.core
from counting import Provider, account_of, serving
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.core.llms import ChatMessage
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI

import spanmeter


class Recording(Provider):
    """Adds up, by kind of request, what it charged for bodies that it had answered before."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.again: dict[str, tuple[int, Decimal]] = {}

    def answer(self, path: str, asked: dict[str, Any]) -> Any:
        """The answer, and a note of what it cost if it was given before."""
        answer = super().answer(path, asked)
        body = json.dumps(asked, sort_keys=True)
        if body in self.seen:
            kind = "embedding_cache" if path.endswith("/embeddings") else "answer_cache"
            calls, usd = self.again.get(kind, (0, Decimal(0)))
            self.again[kind] = calls + 1, usd + self.answers[-1].account[3]
        self.seen.add(body)
        return answer


def ask(url: str) -> None:
    """Ask under both frameworks, some of it again, some of it nearly."""
    given: dict[str, Any] = {"api_key": "none", "base_url": f"{url}/v1", "max_retries": 0}
    options: dict[str, Any] = {"api_key": "none", "api_base": given["base_url"], "max_retries": 0}
    chat = ChatOpenAI(model="gpt-4o-mini", **given)
    warm = ChatOpenAI(model="gpt-4o-mini", temperature=0.9, **given)
    llama = OpenAI(model="gpt-4o-mini", **options)
    embed = OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False, **given)
    embedder = OpenAIEmbedding(model="text-embedding-3-small", **options)
    for text in ("a", "b", "a", "c", "a", "b"):
        chat.invoke([SystemMessage("be brief"), HumanMessage(text)])
        llama.chat([ChatMessage(role="system", content="be long"), ChatMessage(text)])
        embed.embed_documents([f"langchain {text}", text * 3])
        embedder.get_text_embedding_batch([f"llama {text}", text * 5])
    for text in ("a", "d", "d"):
        warm.invoke([SystemMessage("be brief"), HumanMessage(text)])


def main() -> None:
    """Ask, and tell by proposal what the provider says that the repetitions cost."""
    llama_index.core.global_tokenizer = str.split
    spanmeter.instrument(service_name="repeating", endpoint=sys.argv[1])
    record = Recording()
    with serving(record) as provider:
        ask(provider.url)
        spent = account_of(record.answers)[3]
        again = {kind: [calls, str(usd)] for kind, (calls, usd) in record.again.items()}
    spanmeter.uninstrument()
    sys.stdout.write(json.dumps({"spend": str(spent), "again": again}) + "\n")


if __name__ == "__main__":
    main()
