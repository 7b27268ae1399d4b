"""What is measured: the same small applications for every contestant, with models that answer at once.

A prompt has some 0.7 kB, a retrieved document 1 kB, an answer 1.2 kB; every answer of a model reports its usage, the
local embeddings of the LlamaIndex query report none and are estimated.
"""

# ruff: noqa: ARG001, ARG002, PLC0415  frameworks fix the signatures, and each is imported by who measures it
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypedDict

PROMPT: Final = "Which of the two contracts ends first, and what does that cost? " * 11
DOCUMENT: Final = "The contract of the second party ends with the month that follows its notice. " * 13
ANSWER: Final = "The second contract ends first; ending it early costs three monthly rates. " * 16
TOKENS: Final = 200
MODEL: Final = "gpt-4o-mini"
USAGE: Final = {
    "prompt_tokens": 1200,
    "completion_tokens": 350,
    "total_tokens": 1550,
    "prompt_tokens_details": {"cached_tokens": 800},
    "completion_tokens_details": {"reasoning_tokens": 100},
}
METERED: Final = {
    "input_tokens": 1200,
    "output_tokens": 350,
    "total_tokens": 1550,
    "input_token_details": {"cache_read": 800},
    "output_token_details": {"reasoning": 100},
}
SAID: Final = {"model_name": "gpt-4o-mini-2024-07-18", "finish_reason": "stop", "id": "chatcmpl-1"}
Operation = Callable[[], object]


def chat_model(**options: Any) -> Any:
    """A LangChain chat model that needs no provider."""
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, AIMessageChunk
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

    class BenchmarkChat(BaseChatModel):
        model_name: str = MODEL

        @property
        def _llm_type(self) -> str:
            return "openai-chat"

        def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
            return {"ls_provider": "openai", "ls_model_name": self.model_name, "ls_model_type": "chat"}

        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
            message = AIMessage(ANSWER, usage_metadata=METERED, response_metadata={**SAID, "token_usage": USAGE})
            output = {"token_usage": USAGE, "model_name": SAID["model_name"]}
            return ChatResult(generations=[ChatGeneration(message=message)], llm_output=output)

        def _stream(
            self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
        ) -> Iterator[ChatGenerationChunk]:
            for number in range(TOKENS):
                is_last = number == TOKENS - 1
                told: dict[str, Any] = {"usage_metadata": METERED, "response_metadata": SAID} if is_last else {}
                chunk = ChatGenerationChunk(message=AIMessageChunk(content="token ", **told))
                if run_manager:
                    run_manager.on_llm_new_token("token ", chunk=chunk)
                yield chunk

    return BenchmarkChat(**options)


def langchain_call() -> Operation:
    """One chat model call."""
    model = chat_model()
    return lambda: model.invoke(PROMPT)


def langchain_stream() -> Operation:
    """One call whose answer arrives in 200 pieces."""
    model = chat_model()
    return lambda: [None for _ in model.stream(PROMPT)]


def langchain_rag() -> Operation:
    """A chain of retriever, prompt, model and parser."""
    from langchain_core.documents import Document
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import RunnablePassthrough

    class FourDocuments(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            return [Document(DOCUMENT, metadata={"score": 0.9 - rank / 10}) for rank in range(4)]

    prompt = ChatPromptTemplate.from_messages([("system", "Answer from {context}"), ("human", "{question}")])
    chain: Any = (
        {"context": FourDocuments(), "question": RunnablePassthrough()} | prompt | chat_model() | StrOutputParser()
    )
    return lambda: chain.invoke(PROMPT)


class _State(TypedDict):
    notes: str


def langgraph() -> Operation:
    """A graph of five nodes, two of which ask the model."""
    from langgraph.graph import END, START, StateGraph

    model = chat_model()

    def asks(state: _State) -> dict[str, str]:
        return {"notes": str(model.invoke(PROMPT).content)}

    def notes(state: _State) -> dict[str, str]:
        return {"notes": state["notes"][:100]}

    builder: Any = StateGraph(_State)
    names = ("read", "plan", "look_up", "write", "check")
    for name in names:
        builder.add_node(name, asks if name in {"plan", "write"} else notes)
    for above, below in zip((START, *names), (*names, END), strict=True):
        builder.add_edge(above, below)
    graph = builder.compile()
    return lambda: graph.invoke({"notes": PROMPT})


def language_model() -> Any:
    """A LlamaIndex model that needs no provider."""
    from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata
    from llama_index.core.llms.callbacks import llm_completion_callback

    class BenchmarkLLM(CustomLLM):
        @classmethod
        def class_name(cls) -> str:
            return "openai_llm"

        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(model_name=MODEL, context_window=128_000)

        @llm_completion_callback()
        def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: FBT001, FBT002
            raw = {"model": SAID["model_name"], "id": SAID["id"], "usage": USAGE}
            return CompletionResponse(text=ANSWER, raw=raw)

        @llm_completion_callback()
        def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
            return (CompletionResponse(text=ANSWER, delta=ANSWER) for _ in range(1))

    return BenchmarkLLM()


def llama_index_call() -> Operation:
    """One completion."""
    model = language_model()
    return lambda: model.complete(PROMPT)


def llama_index_query() -> Operation:
    """A query engine: one embedding, four documents, one call."""
    from llama_index.core import VectorStoreIndex
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.schema import TextNode

    class BenchmarkEmbedding(BaseEmbedding):
        def _get_text_embedding(self, text: str) -> list[float]:
            return [1.0, float(len(text)), 0.5]

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    embedder = BenchmarkEmbedding(model_name="text-embedding-3-small")
    nodes = [TextNode(text=f"{number} {DOCUMENT}") for number in range(4)]
    index = VectorStoreIndex(nodes, embed_model=embedder)
    engine = index.as_query_engine(llm=language_model(), similarity_top_k=4)
    return lambda: engine.query(PROMPT)


WORKLOADS: Final[Mapping[str, tuple[Callable[[], Operation], int]]] = {
    "LangChain call": (langchain_call, 400),
    "LangChain stream of 200": (langchain_stream, 20),
    "LangChain RAG chain": (langchain_rag, 60),
    "LangGraph, 5 nodes": (langgraph, 50),
    "LlamaIndex call": (llama_index_call, 400),
    "LlamaIndex query": (llama_index_query, 60),
}
"""How each is made, and how often it is run in one slot: with fewer spans than the 512 that start an export."""
