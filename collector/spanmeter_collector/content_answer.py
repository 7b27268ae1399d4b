"""What a span quotes, in one form whoever sent it."""

from __future__ import annotations

from spanmeter_collector.answers import Answer


class PartAnswer(Answer):
    """A piece of a message. `kind` is text, reasoning, tool_call, tool_call_response, media, other or broken.

    `name` and `id` are those of a call of a tool, its `text` the arguments; of media it says what they are.
    """

    kind: str
    text: str
    name: str = ""
    id: str = ""


class MessageAnswer(Answer):
    """Who said what: `role` is system, user, assistant, tool or whatever the sender wrote."""

    role: str
    name: str = ""
    finish_reason: str = ""
    parts: list[PartAnswer]


class ToolAnswer(Answer):
    """A tool that a model was offered; `parameters` is a JSON schema. One without a name is described as it stands."""

    name: str
    description: str
    parameters: str


class DocumentAnswer(Answer):
    """A document that was found; `metadata` is JSON."""

    id: str
    score: float | None
    text: str
    metadata: str


class ContentAnswer(Answer):
    """What a span quotes: instructions stand first in `input`, as a message of the system."""

    input: list[MessageAnswer]
    output: list[MessageAnswer]
    tools: list[ToolAnswer]
    arguments: str
    result: str
    query: str
    documents: list[DocumentAnswer]
