"""The prompts of one `generate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from spanmeter.answer import Answer
from spanmeter.receipt import NO_USAGE

_PROMPTS_OF_A_REQUEST: Final = 20
"""The `batch_size` of langchain-openai's completion models, where none is given."""
_TOGETHER: Final = frozenset({"openai", "azure", "vllm-openai"})
"""Completion models that send many prompts in one request; any other sends one each."""


@dataclass(slots=True, eq=False)
class Batch:
    """Prompts that were started together, of which up to `together` are one request.

    `parameters` is what LangChain hands to the start of each: the very same object, which no other `generate` has.
    """

    parameters: object
    size: int
    together: int = 1
    completion: bool = False
    run_ids: list[UUID] = field(default_factory=list)
    paid: bool = False

    def share(self, answer: Answer, *, run_id: UUID, output: Mapping[str, Any]) -> Answer:
        """Correct the answer to one prompt: LangChain leaves the usage of all with the first."""
        if run_id == self.run_ids[0]:
            self.paid = answer.usage is not None and "token_usage" in output
            return replace(answer, requests=-(-self.size // self.together)) if self.together > 1 else answer
        if self.paid and answer.usage is None:
            answer = replace(answer, usage=NO_USAGE)
        return replace(answer, requests=0) if self.together > 1 else answer


def batch_of(serialized: Mapping[str, Any] | None, options: Mapping[str, Any], *, completion: bool) -> Batch | None:
    """Read from a model's start which batch it belongs to; None when it is asked alone."""
    size = options.get("batch_size")
    if not isinstance(size, int) or size < 2:
        return None
    parameters = options.get("invocation_params") or {}
    if not completion or parameters.get("_type") not in _TOGETHER:
        return Batch(parameters, size, completion=completion)
    given = (serialized or {}).get("kwargs") or {}
    return Batch(parameters, size, int(given.get("batch_size") or _PROMPTS_OF_A_REQUEST), completion)
