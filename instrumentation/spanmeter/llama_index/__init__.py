"""LlamaIndex: every query, retrieval, synthesis, model, embedding, tool, agent and workflow call becomes a span.

    from llama_index.core.instrumentation import get_dispatcher
    from spanmeter.llama_index import SpanmeterEventHandler, SpanmeterSpanHandler
    get_dispatcher().add_event_handler(SpanmeterEventHandler())
    get_dispatcher().add_span_handler(SpanmeterSpanHandler())

`spanmeter.instrument()` needs no handlers: it calls `install`.
"""

from __future__ import annotations

try:
    import llama_index.core.instrumentation as _instrumentation
except ImportError as missing:
    raise ImportError("spanmeter.llama_index needs llama-index-core: pip install 'spanmeter[llama-index]'") from missing

from spanmeter.llama_index.event_handler import SpanmeterEventHandler
from spanmeter.llama_index.registration import install, remove
from spanmeter.llama_index.span_handler import SpanmeterSpanHandler

__all__ = ["SpanmeterEventHandler", "SpanmeterSpanHandler", "install", "remove"]

del _instrumentation
