"""LangChain and LangGraph: every model, tool, retriever, chain, graph and embedding call becomes a span.

    from spanmeter.langchain import SpanmeterCallbackHandler
    chain.invoke(question, config={"callbacks": [SpanmeterCallbackHandler()]})

`spanmeter.instrument()` needs no callback: it calls `install`.

What LangChain tells nobody is not counted: the answer of a cache to a completion model, for which it runs no callback.
"""

from __future__ import annotations

try:
    import langchain_core as _langchain_core
except ImportError as missing:
    raise ImportError("spanmeter.langchain needs langchain-core: pip install 'spanmeter[langchain]'") from missing

from spanmeter.langchain.handler import SpanmeterCallbackHandler
from spanmeter.langchain.registration import install, remove

__all__ = ["SpanmeterCallbackHandler", "install", "remove"]

del _langchain_core
