"""`spanmeter demo`: the reference workload, in the place of this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from spanmeter_collector.extra import require


def run(words: Sequence[str]) -> int:
    """Become the demo's process, so that signals and the exit status are its own; it reads the words itself.

    Raises:
        MissingExtraError: The extra `demo` is not installed.
    """
    require("demo", "spanmeter_rag", "langchain_core", "langgraph", "llama_index", "structlog")
    os.execv(sys.executable, [sys.executable, "-m", "spanmeter_rag.demo", *words])  # noqa: S606
