from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from openai.types.responses import ResponseCodeInterpreterToolCall, ResponseFunctionWebSearch

from spanmeter.tool_calls import tools_told

CALL = ResponseCodeInterpreterToolCall.model_validate(
    {"type": "code_interpreter_call", "id": "1", "status": "completed", "code": "2", "container_id": "c", "outputs": []}
)
SEARCH = ResponseFunctionWebSearch.model_validate(
    {"type": "web_search_call", "id": "2", "status": "completed", "action": {"type": "search", "query": "secret"}}
)
CALLED = [
    {"type": "code_interpreter_call", "container_id": "c"},
    {"type": "web_search_call", "container_id": None, "action": {"type": "search"}},
]
CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "objects": (SimpleNamespace(output=[CALL, SEARCH]), {"output": CALLED, "tool_usage": None}),
    "mappings": ({"output": [CALL.model_dump(), SEARCH.model_dump()]}, {"output": CALLED, "tool_usage": None}),
    "counted": ({"output": [], "tool_usage": {"web_search": {}}}, {"output": [], "tool_usage": {"web_search": {}}}),
    "others": ({"output": [{"type": "message"}, {"type": "function_call"}, "text", None]}, {}),
    "silent": (SimpleNamespace(), {}),
    "nonsense": ({"output": 7}, {}),
}


@pytest.mark.parametrize(("response", "told"), CASES.values(), ids=CASES)
def test_tells_which_tools_ran_and_nothing_of_what_for(response: Any, told: dict[str, Any]) -> None:
    assert tools_told(response) == told
