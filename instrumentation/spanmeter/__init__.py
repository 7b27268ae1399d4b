"""What every answer of a LangChain, LangGraph or LlamaIndex application cost, how long it took and why.

    import spanmeter
    spanmeter.instrument(service_name="shop-rag")

Importing this module is cheap; frameworks, exporters and prices are loaded by who uses them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from spanmeter.bill import Bill as Bill
    from spanmeter.budget import Budget, BudgetExceeded
    from spanmeter.component import summary
    from spanmeter.instrumentation import instrument
    from spanmeter.instrumentation import uninstrument as uninstrument
    from spanmeter.logs import configure_logging
    from spanmeter.scope import context, measure
    from spanmeter.tracking import track

__all__ = ["Budget", "BudgetExceeded", "configure_logging", "context", "instrument", "measure", "summary", "track"]

_HOMES: Final = {
    "Bill": "spanmeter.bill",
    "Budget": "spanmeter.budget",
    "BudgetExceeded": "spanmeter.budget",
    "configure_logging": "spanmeter.logs",
    "context": "spanmeter.scope",
    "instrument": "spanmeter.instrumentation",
    "measure": "spanmeter.scope",
    "summary": "spanmeter.component",
    "track": "spanmeter.tracking",
    "uninstrument": "spanmeter.instrumentation",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOMES:
        raise AttributeError(f"module 'spanmeter' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
