"""LlamaIndex's engines, retrievers, rerankers and pipelines, counted as the provider counts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llama_index.core import SQLDatabase, SummaryIndex, get_response_synthesizer
from llama_index.core.extractors import SummaryExtractor
from llama_index.core.indices.query.query_transform import HyDEQueryTransform
from llama_index.core.ingestion import IngestionCache, IngestionPipeline
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.postprocessor import LLMRerank
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.query_engine import (
    CitationQueryEngine,
    NLSQLTableQueryEngine,
    RouterQueryEngine,
    SubQuestionQueryEngine,
    TransformQueryEngine,
)
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import TextNode
from llama_index.core.selectors import LLMSingleSelector
from llama_index.core.tools import QueryEngineTool
from pydantic import BaseModel
from sqlalchemy import StaticPool, create_engine, text
from tests.compat.scenario import of_tasks, of_threads

CHAT = "chat gpt-4o-mini"
COMPLETION = "text_completion gpt-4o-mini"
EMBEDDING = "embeddings text-embedding-3-small"
RETRIEVAL = f"retrieval VectorIndexRetriever > {EMBEDDING}"
QUERY = "query RetrieverQueryEngine"
ANSWER = f"synthesize CompactAndRefine > {CHAT}"
QUERIED = [f"{QUERY} > {RETRIEVAL}", f"{QUERY} > {ANSWER}"]
BEFORE = [ChatMessage(role="user", content="a"), ChatMessage(role="assistant", content="b")]
CHOICE = '[{"choice": 1, "reason": "x"}]'
QUESTIONS = """```json
{"items": [{"sub_question": "x", "tool_name": "a"}, {"sub_question": "y", "tool_name": "a"}]}
```"""
Run = Callable[[Any], Any]


class City(BaseModel):
    """A city."""

    name: str


class Last(BaseNodePostprocessor):
    """A postprocessor of the application's own."""

    def _postprocess_nodes(self, nodes: Any, _: Any = None) -> Any:
        return nodes[-1:]


def below(start: str, paths: list[str]) -> list[str]:
    return [f"{start} > {path}" for path in paths]


def chat_engine(app: Any, mode: str) -> Any:
    memory = ChatMemoryBuffer(token_limit=1000, tokenizer_fn=str.split)
    return app.index.as_chat_engine(llm=app.streaming_llm, chat_mode=mode, memory=memory)


async def astream(app: Any, mode: str) -> None:
    response = await chat_engine(app, mode).astream_chat("q", BEFORE)
    async for _ in response.async_response_gen():
        pass


def tools(app: Any) -> Any:
    return [QueryEngineTool.from_defaults(app.engine(), name=name, description=name) for name in ("a", "b")]


def router(app: Any) -> Any:
    app.provider.says = [CHOICE]
    selector = LLMSingleSelector.from_defaults(llm=app.llm)
    return RouterQueryEngine(selector=selector, query_engine_tools=tools(app), llm=app.llm)


def sub_questions(app: Any) -> Any:
    app.provider.says = [QUESTIONS]
    return SubQuestionQueryEngine.from_defaults(
        question_gen=LLMQuestionGenerator.from_defaults(llm=app.llm),
        query_engine_tools=tools(app),
        response_synthesizer=get_response_synthesizer(llm=app.llm),
        llm=app.llm,
        verbose=False,
    )


def reranking(app: Any) -> Any:
    app.provider.says = ["Doc: 1, Relevance: 7"]
    return app.index.as_query_engine(llm=app.llm, node_postprocessors=[LLMRerank(llm=app.llm), Last()])


def tables(app: Any) -> Any:
    app.provider.says = ["SELECT name FROM city"]
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE city (name TEXT)"))
    database = SQLDatabase(engine, include_tables=["city"])
    return NLSQLTableQueryEngine(database, tables=["city"], llm=app.llm, embed_model=app.embedder)


def fusion(app: Any) -> Any:
    return QueryFusionRetriever([app.retriever], llm=app.llm, num_queries=3, use_async=False)


def nodes() -> list[TextNode]:
    return [TextNode(text=text) for text in ("one", "two")]


def two_documents(app: Any, **options: Any) -> Any:
    index = SummaryIndex(nodes=nodes())
    return index.as_query_engine(llm=app.streaming_llm, response_mode="refine", **options)


def twice_through_a_cache(app: Any) -> None:
    pipeline = IngestionPipeline(transformations=[app.embedder], cache=IngestionCache())
    for _ in range(2):
        pipeline.run(nodes=[TextNode(text="one", id_="1")])


async def twice_through_a_cache_in_a_task(app: Any) -> None:
    pipeline = IngestionPipeline(transformations=[app.embedder], cache=IngestionCache())
    for _ in range(2):
        await pipeline.arun(nodes=[TextNode(text="one", id_="1")])


def extracting(app: Any) -> Any:
    extractor = SummaryExtractor(llm=app.llm, show_progress=False)
    return IngestionPipeline(transformations=[extractor, app.embedder])


CONDENSED = {
    "condense_question": [
        f"query CondenseQuestionChatEngine > {CHAT}",
        *below("query CondenseQuestionChatEngine", QUERIED),
    ],
    "condense_plus_context": [
        f"query CondensePlusContextChatEngine > {COMPLETION}",
        f"query CondensePlusContextChatEngine > {RETRIEVAL}",
        f"query CondensePlusContextChatEngine > {ANSWER}",
    ],
    "simple": [f"query SimpleChatEngine > {CHAT}"],
}
FUSED = [
    f"retrieval QueryFusionRetriever > {COMPLETION}",
    *[f"retrieval QueryFusionRetriever > {RETRIEVAL}"] * 2,
]
RERANKED = [f"{QUERY} > {RETRIEVAL}", f"{QUERY} > postprocess Last", f"{QUERY} > {ANSWER}"]
ROUTED = below("query RouterQueryEngine", [CHAT, *QUERIED])
DIVIDED = below("query SubQuestionQueryEngine", [CHAT, *QUERIED * 2, ANSWER])
REFINED = [f"{QUERY} > retrieval SummaryIndexRetriever", *[f"{QUERY} > synthesize Refine > {CHAT}"] * 2]
CACHED = [f"ingest IngestionPipeline > {EMBEDDING}", "ingest IngestionPipeline"]
EXTRACTED = [*[f"ingest IngestionPipeline > {CHAT}"] * 2, f"ingest IngestionPipeline > {EMBEDDING}"]

SYNC: dict[str, tuple[Run, list[str]]] = {
    "router": (lambda app: router(app).query("q"), ROUTED),
    "sub questions": (lambda app: sub_questions(app).query("q"), DIVIDED),
    "rerank": (lambda app: reranking(app).query("q"), [*RERANKED, f"{QUERY} > postprocess LLMRerank > {CHAT}"]),
    "fusion": (lambda app: fusion(app).retrieve("q"), FUSED),
    "refine": (lambda app: two_documents(app).query("q"), REFINED),
    "streaming refine": (lambda app: str(two_documents(app, streaming=True).query("q")), REFINED),
    "tree": (
        lambda app: app.index.as_query_engine(llm=app.llm, response_mode="tree_summarize", use_async=True).query("q"),
        [f"{QUERY} > {RETRIEVAL}", f"{QUERY} > synthesize TreeSummarize > {CHAT}"],
    ),
    "citations": (
        lambda app: CitationQueryEngine.from_args(app.index, llm=app.llm).query("q"),
        below("query CitationQueryEngine", [RETRIEVAL, ANSWER]),
    ),
    "engine as a tool": (lambda app: tools(app)[0].call("q"), below("execute_tool a", QUERIED)),
    "tables": (lambda app: tables(app).query("q"), below("query NLSQLTableQueryEngine", [CHAT, ANSWER])),
    "structured answer": (
        lambda app: app.index.as_query_engine(llm=app.llm.as_structured_llm(City)).query("q"),
        [f"{QUERY} > {RETRIEVAL}", f"{QUERY} > synthesize CompactAndRefine > {CHAT} (wrapper) > {CHAT}"],
    ),
    "ingestion with a cache": (twice_through_a_cache, CACHED),
    "ingestion with a model": (
        lambda app: extracting(app).run(nodes=nodes()),
        EXTRACTED,
    ),
    **{
        mode: (lambda app, mode=mode: chat_engine(app, mode).chat("q", BEFORE), paths)  # type: ignore[misc]
        for mode, paths in CONDENSED.items()
    },
    **{
        f"streaming {mode}": (
            lambda app, mode=mode: list(chat_engine(app, mode).stream_chat("q", BEFORE).response_gen),  # type: ignore[misc]
            paths,
        )
        for mode, paths in CONDENSED.items()
    },
}
ASYNC: dict[str, tuple[Run, list[str]]] = {
    "router": (lambda app: router(app).aquery("q"), ROUTED),
    "sub questions": (lambda app: sub_questions(app).aquery("q"), DIVIDED),
    "fusion": (lambda app: fusion(app).aretrieve("q"), FUSED),
    "refine": (lambda app: two_documents(app).aquery("q"), REFINED),
    "engine as a tool": (lambda app: tools(app)[0].acall("q"), below("execute_tool a", QUERIED)),
    "ingestion with a cache": (twice_through_a_cache_in_a_task, CACHED),
    "ingestion with a model": (
        lambda app: extracting(app).arun(nodes=nodes()),
        EXTRACTED,
    ),
    **{
        mode: (lambda app, mode=mode: chat_engine(app, mode).achat("q", BEFORE), paths)  # type: ignore[misc]
        for mode, paths in CONDENSED.items()
    },
    **{
        f"streaming {mode}": (lambda app, mode=mode: astream(app, mode), paths)  # type: ignore[misc]
        for mode, paths in CONDENSED.items()
    },
}


test_what_a_thread_runs = of_threads(SYNC)
test_what_a_task_runs = of_tasks(ASYNC)


def test_a_question_rewritten_before_it_is_asked(app: Any, counted: Any) -> None:
    queried = [f"{QUERY} > {RETRIEVAL}", *QUERIED]  # a hypothetical answer is embedded beside the question
    with counted(*below("query TransformQueryEngine", [CHAT, *queried])):
        TransformQueryEngine(app.engine(), HyDEQueryTransform(llm=app.llm)).query("q")
