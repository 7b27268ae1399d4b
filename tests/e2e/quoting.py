"""An application with a retrieval, a tool and a streamed chat, whose spans go to the sidecar at an address.

python quoting.py SIDECAR_URL
"""

from __future__ import annotations

import sys

from langchain_core.documents import Document
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

import spanmeter

SECRET = "strictly confidential"


class Shelf(BaseRetriever):
    """One document."""

    def _get_relevant_documents(self, query: str, **_: object) -> list[Document]:
        return [Document(f"A {SECRET} page about {query}.", id="page-1")]


@tool
def weigh(thing: str) -> str:
    """Weigh a thing."""
    return f"the {SECRET} weight of {thing}"


def answer(question: str) -> str:
    """Retrieve, use a tool, and stream an answer."""
    (page,) = Shelf().invoke(question)
    weight = weigh.invoke({"thing": question})
    model = GenericFakeChatModel(messages=iter([AIMessage(f"This is {SECRET} too")]))
    asked = [SystemMessage(f"Be {SECRET}."), HumanMessage(f"{page.page_content} {weight}")]
    return "".join(str(chunk.content) for chunk in model.stream(asked))


if __name__ == "__main__":
    spanmeter.instrument(service_name="quoting", endpoint=sys.argv[1])
    with spanmeter.context(user="u1"):
        RunnableLambda(answer).invoke(f"a {SECRET} question")
