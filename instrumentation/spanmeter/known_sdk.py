"""Which OpenTelemetry SDK light spans know: one whose code names nothing that the known ones do not."""

from __future__ import annotations

from types import FunctionType
from typing import Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan, Span, SynchronousMultiSpanProcessor, Tracer
from opentelemetry.sdk.trace.sampling import ParentBased, StaticSampler
from opentelemetry.trace import SpanContext


def is_known_sdk() -> bool:
    """Tell whether the installed SDK starts and ends spans as 1.30 to 1.45 do.

    A later one may do more: its code then reads a name that theirs does not. So does what somebody has put in the
    place of the SDK's own, as tools that trace tracers do.
    """
    return all(type(method) is FunctionType and _NAMES.issuperset(method.__code__.co_names) for method in _relied_on())


def _relied_on() -> tuple[object, ...]:
    return (
        Tracer.start_span,
        Span.__init__,
        Span._new_events,  # noqa: SLF001
        Span._new_links,  # noqa: SLF001
        Span.start,
        Span.end,
        Span.set_attribute,
        Span.set_attributes,
        ReadableSpan.__init__,
        BoundedAttributes.__init__,
        BoundedAttributes.__iter__,
        SynchronousMultiSpanProcessor.on_start,
        SynchronousMultiSpanProcessor.on_end,
        ParentBased.should_sample,
        StaticSampler.should_sample,
        SpanContext.__new__,
    )


_NAMES: Final = frozenset(
    """
    BoundedAttributes BoundedList DEFAULT DEFAULT_TRACE_OPTIONS DEFAULT_TRACE_STATE DROP Decision INVALID_SPAN_ID
    INVALID_TRACE_ID Lock NonRecordingSpan RANDOM_TRACE_ID RLock Resource RuntimeError SAMPLED SamplingResult
    SpanContext TraceFlags TypeError ValueError _SPAN_ID_MAX_VALUE _Span _TRACE_ID_MAX_VALUE __init__ __new__
    _attributes _context _decision _dict _end_time _events _extended_attributes _get_parent_trace_state _immutable
    _instrumentation_info _instrumentation_scope _is_enabled _is_valid_link _kind _limits _links
    _local_parent_not_sampled _local_parent_sampled _lock _name _new_events _new_links _on_ending _parent
    _readable_span _record_end_metrics _record_exception _remote_parent_not_sampled _remote_parent_sampled _resource
    _root _sampler _set_items _set_status_on_exception _span_limits _span_processor _span_processors _start_time
    _status _trace_config _tracer_metrics append attributes context copy create decision dropped from_seq
    generate_span_id generate_trace_id get_current_span get_span_context id_generator instrumentation_info int
    is_recording is_remote is_sampled is_trace_id_random is_valid isinstance items iter list logger
    max_attribute_length max_event_attributes max_events max_link_attributes max_links max_span_attribute_length
    max_span_attributes max_value_len maxlen on_end on_start random_trace_id resource sampled sampler set_attributes
    should_sample span_processor start start_span super threading time_ns trace_api trace_flags trace_id trace_state
    tuple warning
    """.split()  # noqa: SIM905  a hundred names, as a text
)
