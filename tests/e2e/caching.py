"""An application with a cache of each kind, and what its provider charged for what each of them kept.

python -m tests.e2e.caching SIDECAR
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import llama_index.core
from counting import Provider, serving
from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_core.documents import Document
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.core import Document as Text
from llama_index.core.ingestion import IngestionCache, IngestionPipeline
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI

import spanmeter
from spanmeter.cache import Cache
from spanmeter.cache.langchain import EmbeddingStore, LLMCache
from spanmeter.cache.llama_index import CacheStore

ROUNDS: Final = 3
SMALL: Final = "text-embedding-3-small"
Ask = Callable[[], object]


def applications(url: str) -> Mapping[str, Ask]:
    """What is asked of each cache in every round."""
    given: dict[str, Any] = {"api_key": "none", "base_url": f"{url}/v1", "max_retries": 0}
    options: dict[str, Any] = {"api_key": "none", "api_base": given["base_url"], "max_retries": 0}
    chat = ChatOpenAI(model="gpt-4o-mini", cache=LLMCache(Cache("models")), **given)
    llama = OpenAI(model="gpt-4o-mini", **options)
    embedder = OpenAIEmbeddings(model=SMALL, check_embedding_ctx_length=False, **given)
    vectors = CacheBackedEmbeddings.from_bytes_store(
        embedder, EmbeddingStore(Cache("vectors", isolate=())), namespace=SMALL, key_encoder="sha256"
    )
    texts = OpenAIEmbedding(
        model=SMALL, embeddings_cache=CacheStore(Cache("texts", isolate=()), namespace=SMALL), **options
    )

    @Cache("answers")
    def answer(question: str) -> list[Document]:
        return [Document(str(llama.complete(question)))]

    ingestion = IngestionCache(cache=CacheStore(Cache("ingestion")))

    def ingest() -> None:
        pipeline = IngestionPipeline(transformations=[OpenAIEmbedding(model=SMALL, **options)], cache=ingestion)
        pipeline.run(documents=[Text(text="a page", id_="1")])

    return {
        "answers": lambda: [answer(question) for question in ("one", "another")],
        "models": lambda: [chat.invoke(question) for question in ("one", "another")],
        "vectors": lambda: vectors.embed_documents(["a text", "a longer text"]),
        "texts": lambda: texts.get_text_embedding_batch(["a sentence", "a longer sentence"]),
        "ingestion": ingest,
    }


def main() -> None:
    """Ask everything in every round, and tell what the provider charged by cache and what this process knows of it."""
    llama_index.core.global_tokenizer = str.split
    spanmeter.instrument(service_name="caching", endpoint=sys.argv[1])
    record, charged = Provider(), {}
    with serving(record) as provider, spanmeter.measure() as bill:
        for name, ask in applications(provider.url).items():
            before = len(record.answers)
            for tenant, plan in (("acme", "gold"), ("globex", "free")):
                with spanmeter.context(tenant=tenant, feature="search", plan=plan):
                    for _ in range(ROUNDS):
                        ask()
            charged[name] = str(sum((answered.account[3] for answered in record.answers[before:]), Decimal(0)))
    spanmeter.uninstrument()
    told = {"charged": charged, "saved_usd": str(bill.saved_usd), "unpriced_hits": bill.unpriced_hits}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
