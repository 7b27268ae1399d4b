"""An application that asks a model of its own many times at once, until a budget stops it; one of several processes.

    python spender.py URL RECORD CALLS [hold|theirs|stop]

Each request that would reach a provider adds a byte to RECORD. With `hold` the first one never ends, with `theirs` the
sidecar alone defines the budget, with `stop` nothing is asked while the sidecar is away.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

import spanmeter
from spanmeter.budget.budgets import budgets

USAGE = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}


class Model(BaseChatModel):
    """A model that answers with 20 tokens after a moment."""

    record: int
    hold: bool = False

    @property
    def _llm_type(self) -> str:
        return "spender"

    def _get_ls_params(self, *_: Any, **__: Any) -> Any:
        return {"ls_provider": "openai", "ls_model_name": "gpt-5"}

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        os.write(self.record, b".")
        while self.hold:
            _say("holding")
            time.sleep(60)
        time.sleep(0.02)
        message = AIMessage("yes", usage_metadata=USAGE, response_metadata={"model_name": "gpt-5"})
        return ChatResult(generations=[ChatGeneration(message=message)])


def main() -> None:
    """Ask, and print how many calls were answered."""
    url, record, calls = sys.argv[1], os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND), int(sys.argv[3])
    spanmeter.instrument(service_name="spender", endpoint=url)
    if "theirs" in sys.argv:
        while "shared" not in budgets.accounts:
            time.sleep(0.01)
    else:
        spanmeter.Budget("shared", limit_usd="0.013", wait_s=60, away="stop" if "stop" in sys.argv else "allow")
    model = Model(record=record, hold="hold" in sys.argv)

    def ask(_: int) -> int:
        try:
            model.invoke("hello " * 60, max_tokens=25)
        except spanmeter.BudgetExceeded:
            return 0
        return 1

    with ThreadPoolExecutor(25) as pool:
        _say(f"answered {sum(pool.map(ask, range(calls)))}")
    spanmeter.uninstrument()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
