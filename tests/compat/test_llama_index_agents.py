"""LlamaIndex's agents and workflows, of whichever kind the version has, counted as the provider counts them."""

# No annotations of the future: LlamaIndex 0.11 reads those of a workflow's steps as they stand.
import asyncio
from collections.abc import Callable
from typing import Any

import llama_index.core.agent
import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool, QueryEngineTool
from llama_index.core.workflow import Context, Event, StartEvent, StopEvent, Workflow, step
from tests.compat.scenario import of_tasks, of_threads

try:
    from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent

    VERSION_HAS_WORKFLOW_AGENTS = True
except ImportError:
    VERSION_HAS_WORKFLOW_AGENTS = False
VERSION_HAS_AGENT_RUNNERS = hasattr(llama_index.core.agent, "AgentRunner")

CHAT = "chat gpt-4o-mini"
EMBEDDING = "embeddings text-embedding-3-small"
RETRIEVAL = f"retrieval VectorIndexRetriever > {EMBEDDING}"
QUERIED = [
    f"query RetrieverQueryEngine > {RETRIEVAL}",
    f"query RetrieverQueryEngine > synthesize CompactAndRefine > {CHAT}",
]
THOUGHT = 'Thought: I need a tool.\nAction: search\nAction Input: {"q": "x"}'
DONE = "Thought: I can answer without using any more tools.\nAnswer: yes"
QUESTION = [ChatMessage(role="user", content="q")]
Run = Callable[[Any], Any]
pytestmark = [
    pytest.mark.filterwarnings("ignore:The `__fields:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called:DeprecationWarning"),
]


def search(q: str) -> str:
    """Find passages."""
    return q


def broken(q: str) -> str:
    """Find no passages."""
    raise LookupError(q)


def memory() -> Any:
    return ChatMemoryBuffer(token_limit=1000, tokenizer_fn=str.split)


def below(start: str, *paths: str) -> list[str]:
    return [f"{start} > {path}" for path in paths]


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


def function_agent(app: Any, *tools: Any, **options: Any) -> Any:
    return FunctionAgent(name="librarian", tools=list(tools), llm=app.streaming_llm, **options)


async def watched(app: Any) -> None:
    run = function_agent(app, search).run("q", memory=memory())
    await drain(run.stream_events())
    await run


async def handed_over(app: Any) -> None:
    # The local provider fills every argument with "x", so that is whom it hands over to.
    first = function_agent(app, description="d", can_handoff_to=["x"])
    second = FunctionAgent(name="x", description="d", llm=app.streaming_llm, can_handoff_to=["nobody"])
    await AgentWorkflow(agents=[first, second], root_agent="librarian").run("q", memory=memory())


async def reacting(app: Any) -> None:
    app.provider.says = [THOUGHT, DONE]
    agent = ReActAgent(name="thinker", tools=[FunctionTool.from_defaults(search)], llm=app.streaming_llm)
    await agent.run("q", memory=memory())


async def asking_an_engine(app: Any) -> None:
    tool = QueryEngineTool.from_defaults(app.engine(), name="library", description="d")
    await function_agent(app, tool).run("q", memory=memory())


def runner(app: Any, kind: str) -> Any:
    made = getattr(llama_index.core.agent, kind)
    tools = [FunctionTool.from_defaults(search)]
    if kind == "ReActAgent":
        app.provider.says = [THOUGHT, DONE]
        return made.from_tools(tools, llm=app.streaming_llm, memory=memory())
    return made.from_tools(tools, llm=app.streaming_llm).as_agent(memory=memory())


class Found(Event):
    """What a first step found."""

    number: int


class Said(Event):
    """What a model said of it."""


class Spreading(Workflow):
    """Retrieves, asks three models at once and lets the other framework's model sum up."""

    def __init__(self, app: Any) -> None:
        super().__init__(timeout=10)
        self.app = app
        self.said = 0

    @step
    async def look(self, ctx: Context, _: StartEvent) -> Found | None:
        await self.app.retriever.aretrieve("q")
        for number in range(3):
            ctx.send_event(Found(number=number))
        return None

    @step(num_workers=3)
    async def ask(self, _: Found) -> Said:
        await self.app.llm.achat(QUESTION)
        return Said()

    @step
    async def sum_up(self, _: Said) -> StopEvent | None:
        self.said += 1
        if self.said < 3:
            return None
        return StopEvent(result=str((await self.app.chat.ainvoke("q")).content))


class Enclosing(Workflow):
    """Runs another workflow in a step."""

    def __init__(self, inner: Any) -> None:
        super().__init__(timeout=10)
        self.inner = inner

    @step
    async def enclose(self, _: StartEvent) -> StopEvent:
        return StopEvent(result=await self.inner.run())


class Asking(Workflow):
    """Asks a model."""

    def __init__(self, app: Any, *, timeout: float = 10) -> None:
        super().__init__(timeout=timeout)
        self.app = app

    @step
    async def ask(self, _: StartEvent) -> StopEvent:
        return StopEvent(result=str(await self.app.llm.achat(QUESTION)))


async def beside(app: Any) -> None:
    running = Asking(app).run()
    await app.llm.achat(QUESTION)
    await running


TOOL = "execute_tool search"
ASKED = [f"step ask > {CHAT}"] * 3
SUMMED = [*["step sum_up"] * 2, "step sum_up > chat gpt-4o"]
SPREAD = below("invoke_workflow Spreading", f"step look > {RETRIEVAL}", *ASKED, *SUMMED)

ASYNC: dict[str, tuple[Run, list[str]]] = {
    "workflow in a workflow": (
        lambda app: Enclosing(Asking(app)).run(),
        below("invoke_workflow Enclosing", f"step enclose > invoke_workflow Asking > step ask > {CHAT}"),
    ),
    "model beside a workflow": (beside, [f"invoke_workflow Asking > step ask > {CHAT}", CHAT]),
    "workflows at once": (
        lambda app: asyncio.gather(*(Asking(app).run() for _ in range(3))),
        [f"invoke_workflow Asking > step ask > {CHAT}"] * 3,
    ),
}
if VERSION_HAS_WORKFLOW_AGENTS:
    ASYNC |= {
        "function agent": (
            lambda app: function_agent(app, search).run("q", memory=memory()),
            below("invoke_agent librarian", CHAT, TOOL, CHAT),
        ),
        "function agent that is watched": (watched, below("invoke_agent librarian", CHAT, TOOL, CHAT)),
        "function agent without tools": (
            lambda app: function_agent(app).run("q", memory=memory()),
            below("invoke_agent librarian", CHAT),
        ),
        "failing tool": (
            lambda app: function_agent(app, broken).run("q", memory=memory()),
            below("invoke_agent librarian", CHAT, "execute_tool broken (LookupError)", CHAT),
        ),
        "engine as a tool": (
            asking_an_engine,
            below("invoke_agent librarian", CHAT, *below("execute_tool library", *QUERIED), CHAT),
        ),
        "agent workflow": (handed_over, below("invoke_agent AgentWorkflow", CHAT, "execute_tool handoff", CHAT)),
        "reacting agent": (reacting, below("invoke_agent thinker", CHAT, TOOL, CHAT)),
    }
SYNC: dict[str, tuple[Run, list[str]]] = {
    "tool": (lambda _: FunctionTool.from_defaults(search)("q"), [TOOL]),
    "model that calls a tool": (
        lambda app: app.llm.predict_and_call([FunctionTool.from_defaults(search)], user_msg="q"),
        [CHAT, TOOL],
    ),
}
if VERSION_HAS_AGENT_RUNNERS:
    for kind, name in (("ReActAgent", "ReActAgent"), ("FunctionCallingAgentWorker", "AgentRunner")):
        paths = below(f"invoke_agent {name}", CHAT, TOOL, CHAT)
        SYNC[kind] = (lambda app, kind=kind: runner(app, kind).chat("q"), paths)  # type: ignore[misc]
        ASYNC[kind] = (lambda app, kind=kind: runner(app, kind).achat("q"), paths)  # type: ignore[misc]
    SYNC["streaming ReActAgent"] = (
        lambda app: list(runner(app, "ReActAgent").stream_chat("q").response_gen),
        below("invoke_agent ReActAgent", CHAT, TOOL, CHAT),
    )


test_what_a_thread_runs = of_threads(SYNC)
test_what_a_task_runs = of_tasks(ASYNC)


async def test_a_workflow_of_several_steps(app: Any, counted: Any) -> None:
    with counted(*SPREAD):
        await Spreading(app).run()


async def test_a_workflow_whose_model_is_refused(app: Any, counted: Any) -> None:
    app.provider.fail = [400]
    error = "(BadRequestError)"
    failed = counted(f"invoke_workflow Asking {error} > step ask {error} > {CHAT} {error}")
    with failed, pytest.raises(Exception, match="400"):
        await Asking(app).run()
