"""Further shapes of LangChain applications: classic chains, configured ones, pictures, ids given by hand."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.runnables import ConfigurableField, RunnableGenerator
from langchain_core.tools import ToolException, tool
from tests.compat.scenario import of_tasks, of_threads

try:
    from langchain_classic import chains
except ImportError:
    from langchain import chains  # type: ignore[attr-defined, no-redef]

# The classic chains are deprecated, and in use.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
CHAT = "chat gpt-4o"
OTHER = "chat gpt-4o-mini"
PICTURE = "data:image/png;base64,iVBORw0KGgo="
SEEN = [HumanMessage([{"type": "text", "text": "q"}, {"type": "image_url", "image_url": {"url": PICTURE}}])]
DOCUMENTS = [Document("one"), Document("two")]


@tool
def refuse(q: str) -> str:
    """Refuse."""
    raise ToolException(q)


refuse.handle_tool_error = True


def in_turn(app: Any) -> Any:
    first = chains.LLMChain(llm=app.chat, prompt=PromptTemplate.from_template("{a}"), output_key="b")
    second = chains.LLMChain(llm=app.other, prompt=PromptTemplate.from_template("{b}"), output_key="c")
    return chains.SequentialChain(chains=[first, second], input_variables=["a"], output_variables=["c"])


def reduced(app: Any) -> Any:
    # LangChain asks the model how long a text is, which would fetch its encoding from the network.
    chat = app.langchain_model(custom_get_token_ids=lambda text: [len(word) for word in text.split()])
    one = chains.LLMChain(llm=app.other, prompt=PromptTemplate.from_template("{page_content}"))
    all_of_them = chains.LLMChain(llm=chat, prompt=PromptTemplate.from_template("{text}"))
    stuffed = chains.StuffDocumentsChain(
        llm_chain=all_of_them,
        document_prompt=PromptTemplate.from_template("{page_content}"),
        document_variable_name="text",
    )
    reducing = chains.ReduceDocumentsChain(combine_documents_chain=stuffed)
    return chains.MapReduceDocumentsChain(
        llm_chain=one, reduce_documents_chain=reducing, document_variable_name="page_content"
    )


def configured(app: Any) -> Any:
    which = ConfigurableField(id="which")
    return app.chat.configurable_alternatives(which, default_key="one", other=app.other).with_config(
        configurable={"which": "other"}
    )


def spelled(app: Any) -> Any:
    def shout(pieces: Any) -> Any:
        for piece in pieces:
            yield piece.upper()

    return app.chain | StrOutputParser() | RunnableGenerator(shout)


def twice_by_one_id(app: Any) -> None:
    config: Any = {"run_id": uuid.uuid4()}
    app.chat.invoke("q", config)
    app.chat.invoke("q", config)


async def logged(app: Any) -> None:
    async for _ in app.chain.astream_log({"question": "q"}):
        pass


def given_a_date(app: Any) -> None:
    dated = ChatPromptTemplate.from_messages([("human", "{at} {by}")]) | app.chat
    dated.invoke({"at": datetime(2026, 1, 1, tzinfo=UTC), "by": object()}, {"metadata": {"at": datetime.now(UTC)}})


IN_TURN = [f"chain SequentialChain > chain LLMChain > {model}" for model in (CHAT, OTHER)]
MAPPED = [f"chain MapReduceDocumentsChain > chain LLMChain > {OTHER}"] * 2
REDUCED = [*MAPPED, f"chain MapReduceDocumentsChain > chain LLMChain > {CHAT}"]
CHAIN = f"chain RunnableSequence > {CHAT}"

SYNC: dict[str, tuple[Any, list[str]]] = {
    "classic chains in turn": (lambda app: in_turn(app).invoke({"a": "q"}), IN_TURN),
    "documents mapped and reduced": (lambda app: reduced(app).invoke({"input_documents": DOCUMENTS}), REDUCED),
    "configured alternative": (lambda app: configured(app).invoke("q"), [OTHER]),
    "picture": (lambda app: app.chat.invoke(SEEN), [CHAT]),
    "raw messages": (lambda app: app.chat.invoke([{"role": "user", "content": "q"}]), [CHAT]),
    "two runs of one id": (twice_by_one_id, [CHAT, CHAT]),
    "stream through a generator": (lambda app: list(spelled(app).stream({"question": "q"})), [CHAIN]),
    "what cannot be written down": (given_a_date, [CHAIN]),
    "handled error of a tool": (lambda _: refuse.invoke({"q": "q"}), ["execute_tool refuse"]),
}
ASYNC: dict[str, tuple[Any, list[str]]] = {
    "classic chains in turn": (lambda app: in_turn(app).ainvoke({"a": "q"}), IN_TURN),
    "documents mapped and reduced": (lambda app: reduced(app).ainvoke({"input_documents": DOCUMENTS}), REDUCED),
    "log of a stream": (logged, [CHAIN]),
}
test_what_a_thread_runs = of_threads(SYNC)
test_what_a_task_runs = of_tasks(ASYNC)
