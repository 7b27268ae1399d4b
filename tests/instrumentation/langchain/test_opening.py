"""What LangChain tells at the start of a run, read once."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from pydantic import SecretStr

import spanmeter
from spanmeter import semconv
from spanmeter.langchain.opening import is_node, model_opening

OPENAI = {"metadata": {"ls_provider": "openai", "ls_model_name": "some-model"}}


def opening(given: Any, options: Any = OPENAI) -> Any:
    return model_opening("chat", {"kwargs": given}, options, asked=[])


HOSTS = {
    None: "openai",
    "https://api.openai.com/v1": "openai",
    "https://api.deepseek.com": "deepseek",
    "https://openrouter.ai/api/v1": "openrouter",
    "https://api.groq.com/openai/v1": "groq",
    "https://acme.openai.azure.com": "azure.ai.openai",
    "https://gateway.acme.example/openai/v1": "openai",
    "http://127.0.0.1:8000/v1": "openai",
}


@pytest.mark.parametrize(("url", "provider"), HOSTS.items(), ids=map(str, HOSTS))
def test_a_model_is_its_hosts_where_the_host_is_known_and_else_what_the_client_says(url: Any, provider: str) -> None:
    model: Any = ChatOpenAI(model="m", base_url=url, api_key=SecretStr("none"))
    assert opening(model._serialized["kwargs"]).provider == provider


def test_a_host_named_by_the_environment_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.x.ai/v1")
    assert opening({}).provider == "x_ai"
    assert opening({}, {"metadata": {"ls_provider": "anthropic"}}).provider == "anthropic"


def test_an_address_is_said_beside_the_provider() -> None:
    told = opening({"openai_api_base": "http://vllm.acme.example:8000/v1"})
    assert told.attributes == {"server.address": "vllm.acme.example", "server.port": 8000}
    assert opening({}).attributes == {}


def test_a_deployment_of_azures_is_azures() -> None:
    url = "https://acme.openai.azure.com"
    model: Any = AzureChatOpenAI(azure_endpoint=url, api_key=SecretStr("none"), api_version="1", azure_deployment="d")
    told = opening(model._serialized["kwargs"], {"metadata": {"ls_provider": "azure"}})
    assert (told.provider, told.attributes["server.address"]) == ("azure.ai.openai", "acme.openai.azure.com")


REGIONS = {
    "residency": ({"openai_api_base": "https://eu.api.openai.com/v1"}, {}, "eu"),
    "inference": ({}, {"inference_geo": "us"}, "us"),
    "nowhere": ({}, {}, ""),
}


@pytest.mark.parametrize(("given", "parameters", "region"), REGIONS.values(), ids=REGIONS)
def test_the_region_with_a_price_of_its_own_is_read(given: Any, parameters: Any, region: str) -> None:
    assert opening(given, {**OPENAI, "invocation_params": parameters}).region == region


def test_broken_metadata_opens_a_call_all_the_same() -> None:
    told = model_opening("chat", None, {"metadata": None, "invocation_params": None}, asked=[[HumanMessage("a")]])
    assert (told.name, told.provider, told.model, dict(told.attributes)) == ("chat", "", "", {})
    assert opening({"openai_api_base": 7, "base_url": ["x"], "azure_endpoint": "http://[half"}).provider == "openai"


STEP = ["graph:step:1"]
RUNS = {
    "node": ({"name": "a", "tags": STEP, "metadata": {"langgraph_node": "a"}}, True),
    "inside a node": ({"name": "b", "tags": [], "metadata": {"langgraph_node": "a"}}, False),
    "task": (
        {"name": "a", "tags": [], "metadata": {"langgraph_node": "a", "langgraph_path": ("p", ("q", "main"), 0)}},
        True,
    ),
    "step of the node's name": (
        {"name": "a", "metadata": {"langgraph_node": "a", "langgraph_path": ("p", "a")}},
        False,
    ),
    "graph": ({"name": "LangGraph", "metadata": {}}, False),
}


@pytest.mark.parametrize(("options", "node"), RUNS.values(), ids=RUNS)
def test_a_node_is_known_by_its_step_or_by_what_called_it(options: Any, node: Any) -> None:
    assert is_node(options) is node


SESSIONS = ["thread_id", "session_id", "conversation_id"]


@pytest.mark.parametrize("key", SESSIONS)
def test_what_a_config_names_is_the_session_of_all_runs_of_a_batch(key: str, instrumented: Any) -> None:
    step: Any = RunnableLambda(str, name="step")
    step.batch([1, 2], config={"metadata": {key: "s1", "user_id": "u1", "priority": "high"}})

    said = [
        (span.attributes[semconv.CONVERSATION_ID], span.attributes[semconv.USER_ID]) for span in instrumented.finished
    ]
    assert said == [("s1", "u1")] * 2


async def test_the_applications_own_session_wins(instrumented: Any) -> None:
    with spanmeter.context(session="mine"):
        await RunnableLambda(str, name="step").abatch([1], config={"configurable": {"thread_id": "s1"}})

    assert instrumented.one("chain step").attributes[semconv.CONVERSATION_ID] == "mine"
