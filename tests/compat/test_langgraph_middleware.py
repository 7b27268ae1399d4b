"""Agents of LangChain with middleware around their model: what it asks of models itself is counted, in its own node."""

from __future__ import annotations

from typing import Any

import langchain.agents
import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tools import ToolException, tool
from pydantic import BaseModel
from tests.compat.scenario import of_tasks, of_threads

CHAT = "chat gpt-4o"
OTHER = "chat gpt-4o-mini"
ASKED: Any = {"messages": [HumanMessage("q")]}
LONG: Any = {"messages": [HumanMessage(text) for text in "qrs"]}
MODEL = f"invoke_agent helper > node model > {CHAT}"
FAILED = f"{MODEL} (InternalServerError)"
FOUND = "invoke_agent helper > node tools > execute_tool search"
LOOKED = f"invoke_agent helper > node Looking.before_model > {OTHER}"
SUMMARY = f"invoke_agent helper > node SummarizationMiddleware.before_model > chain ChatOpenAI > {OTHER}"


class City(BaseModel):
    """A city."""

    name: str


@tool
def search(q: str) -> str:
    """Search."""
    return q


@tool
def broken(q: str) -> str:
    """Break."""
    raise ToolException(q)


# Before its version 1 LangChain has no such agents.
if hasattr(langchain.agents, "create_agent"):
    from langchain.agents.middleware import AgentMiddleware, ModelFallbackMiddleware, SummarizationMiddleware

    class Looking(AgentMiddleware):
        """Asks another model before each answer."""

        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def before_model(self, *_: Any) -> None:
            self.model.invoke("b")

        async def abefore_model(self, *_: Any) -> None:
            await self.model.ainvoke("b")

        def wrap_model_call(self, request: Any, handler: Any) -> Any:
            return handler(request)

        async def awrap_model_call(self, request: Any, handler: Any) -> Any:
            return await handler(request)

    def agent(app: Any, *tools: Any, **options: Any) -> Any:
        return langchain.agents.create_agent(app.chat, list(tools), name="helper", **options)

    def looking(app: Any) -> Any:
        return agent(app, search, middleware=[Looking(app.other)])

    def falling_back(app: Any) -> Any:
        app.provider.fail = [500]
        return agent(app, middleware=[ModelFallbackMiddleware(app.other)])

    def summing_up(app: Any) -> Any:
        return agent(
            app, middleware=[SummarizationMiddleware(app.other, trigger=("messages", 2), keep=("messages", 1))]
        )

    async def told(app: Any) -> None:
        async for _ in agent(app, search).astream_events(ASKED, version="v2"):
            pass

    USED = [MODEL, FOUND, MODEL]
    FELL_BACK = [FAILED, f"invoke_agent helper > node model > {OTHER}"]
    SYNC: dict[str, tuple[Any, list[str]]] = {
        "a look before each answer": (lambda app: looking(app).invoke(ASKED), [LOOKED, MODEL, FOUND, LOOKED, MODEL]),
        "another model where one fails": (lambda app: falling_back(app).invoke(ASKED), FELL_BACK),
        "a summary of what was said": (lambda app: summing_up(app).invoke(LONG), [SUMMARY, MODEL]),
        "stream": (lambda app: list(agent(app, search).stream(ASKED, stream_mode=["updates", "messages"])), USED),
        "structured answer": (lambda app: agent(app, response_format=City).invoke(ASKED), [MODEL]),
    }
    ASYNC: dict[str, tuple[Any, list[str]]] = {
        "a look before each answer": (lambda app: looking(app).ainvoke(ASKED), [LOOKED, MODEL, FOUND, LOOKED, MODEL]),
        "another model where one fails": (lambda app: falling_back(app).ainvoke(ASKED), FELL_BACK),
        "a summary of what was said": (lambda app: summing_up(app).ainvoke(LONG), [SUMMARY, MODEL]),
        "events": (told, USED),
    }
    test_what_a_thread_runs = of_threads(SYNC)
    test_what_a_task_runs = of_tasks(ASYNC)

    def test_a_tool_that_fails(app: Any, counted: Any) -> None:
        error = "(ToolException)"
        asked = f"invoke_agent helper {error} > node model > {CHAT}"
        failed = f"invoke_agent helper {error} > node tools {error} > execute_tool broken {error}"
        with counted(asked, failed), pytest.raises(ToolException):
            agent(app, broken).invoke(ASKED)
