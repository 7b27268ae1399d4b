"""What the models are told."""

from __future__ import annotations

from collections import Counter

from langchain_core.prompts import ChatPromptTemplate

from spanmeter_rag.corpus import SECTIONS, passages

_ANSWER = """You answer questions about the Python language from its reference alone. Answer in at most three \
sentences, in the words of the reference. If the passages do not answer the question, say so."""

ANSWER = ChatPromptTemplate.from_messages(
    [
        (
            "system",
            _ANSWER,
        ),
        ("human", "Passages of the reference:\n\n{context}\n\nQuestion: {question}\nAnswer:"),
    ]
)

REWRITE = ChatPromptTemplate.from_messages(
    [
        ("system", "Rewrite the question as the words the Python language reference would use. Give only the words."),
        ("human", "Question: {question}"),
    ]
)

_ROUTE = """A question about the Python language is simple when one passage of the reference answers it, and hard \
when several have to be compared. Answer with one of these words alone: simple, hard"""

ROUTE = ChatPromptTemplate.from_messages([("system", _ROUTE), ("human", "Question: {question}")])

_AGENT = """You answer questions about the Python language. You have one tool that searches the language reference.

How to work:
1. Search before you answer. Search with the words the reference would use: name statements, operators and special
   methods as they are written in code, and leave out what is only politeness.
2. Read the passages the search gives back. Answer from them alone, never from memory: versions differ, and the
   passages are of the version in use here.
3. Answer in at most three sentences, in the words of the reference. Say which statement, expression or method a rule
   belongs to. Do not repeat the question, do not apologise, do not add examples that are not in the passages.
4. If the passages do not answer the question, say so and name the topic below that comes nearest.

The reference has these sections and topics:

{topics}
"""


def agent_instructions() -> str:
    """Return the agent's instructions with the table of contents, long enough for providers to cache."""
    return _AGENT.format(topics="\n\n".join(f"## {section}\n{_topics(section)}" for section in SECTIONS))


def _topics(section: str) -> str:
    counts = Counter((passage.topic, passage.title) for passage in passages() if passage.section == section)
    return "\n".join(f"- {topic}: {title}, passages 0 to {count - 1}" for (topic, title), count in counts.items())
