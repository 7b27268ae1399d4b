"""A span of the SDK's that costs a fifth of what the SDK's own constructor and end take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import RLock
from time import time_ns
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Span
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

if TYPE_CHECKING:
    from spanmeter.light_tracer import LightTracer

_SCALARS: Final = frozenset({str, int, float, bool})
_CLEAN: Final = _SCALARS | {tuple}
_WORDS: Final = frozenset({str})
_FREEZES: Final = "_immutable" in Span.end.__code__.co_names


def is_clean(attributes: Mapping[str, Any]) -> bool:
    """Tell whether the SDK would take these values as they are."""
    return _SCALARS.issuperset(map(type, attributes.values())) or all(map(_is_clean, attributes.values()))


def _is_clean(value: object) -> bool:
    return type(value) in _SCALARS or (type(value) is tuple and _WORDS.issuperset(map(type, value)))


class _Late:
    """What the SDK makes for every span and few spans need: made when somebody asks for it, and then kept in `name`."""

    def __init__(self, name: str, make: Callable[[LightSpan], object]) -> None:
        self._name = name
        self._make = make

    def __get__(self, span: LightSpan, owner: type) -> Any:  # noqa: ANN401
        with span._lock:  # noqa: SLF001
            if getattr(span, self._name) is None:
                setattr(span, self._name, self._make(span))
        return getattr(span, self._name)

    def __set__(self, span: LightSpan, value: object) -> None:
        setattr(span, self._name, value)


def _bounded(span: LightSpan) -> BoundedAttributes:
    limits = span._limits  # noqa: SLF001
    attributes = BoundedAttributes(limits.max_span_attributes, immutable=_FREEZES and not span.is_recording())
    attributes._dict = span._written  # noqa: SLF001  the same one: who writes to either writes to both
    return attributes


class LightSpan(Span):
    """The SDK's `Span` in all it does and says, for tracers whose sampler and limits leave no question open.

    What the SDK prepares for each span (three locks, lists of events and links, copies of attributes that are
    known to be clean) is made when it is needed: once anybody asks for `_attributes`, `_events` or `_links`, this
    is the SDK's span. When it ends while only a processor listens that can `take_light` spans, that one is given
    the span itself; everybody else gets the SDK's `ReadableSpan`. Only a `LightTracer` makes them.
    """

    _end_time: int | None = None
    _status = Status(StatusCode.UNSET)
    _trace_config = None
    _record_exception = True
    _set_status_on_exception = True
    _record_end_metrics = None
    _made_attributes: Any = None
    _made_events: Any = None
    _made_links: Any = None
    if not TYPE_CHECKING:
        _attributes = _Late("_made_attributes", _bounded)
        _events = _Late("_made_events", lambda span: BoundedList(span._limits.max_events))  # noqa: SLF001
        _links = _Late("_made_links", lambda span: BoundedList(span._limits.max_links))  # noqa: SLF001
    else:
        _lock: Any
        _written: dict[str, Any]
        _light: LightTracer

    @classmethod
    def started(  # noqa: PLR0913  an object that holds them would cost as much as the span
        cls,
        name: str,
        context: SpanContext,
        *,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: dict[str, Any],
        by: LightTracer,
    ) -> LightSpan:
        """Return a span that began now; `attributes` is its own from here on and `is_clean`."""
        span: LightSpan = _new(cls)
        sdk = by.sdk
        span._name = name
        span._context = context
        span._parent = parent
        span._kind = kind
        span._written = attributes
        span._light = by
        span._sampler = sdk.sampler
        span._resource = sdk.resource
        span._limits = by.limits
        span._span_processor = sdk.span_processor
        span._instrumentation_info = sdk.instrumentation_info
        span._instrumentation_scope = by.scope
        span._lock = RLock()  # reentrant: the collector of garbage ends dropped streams anywhere
        span._start_time = time_ns()
        return span

    def began(self, at_ns: int) -> None:
        """Correct when it began."""
        self._start_time = at_ns

    def ended(self, began_ns: int) -> LightSpan:
        """Say that it began then and ends now; for one that nobody else has seen."""
        self._end_time, self._start_time = self._start_time, began_ns
        return self

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What was written so far; while the span is open others may write meanwhile, which the SDK's own allows."""
        mine = self._end_time is not None and self._made_attributes is None
        return MappingProxyType(self._written if mine else self._attributes)  # type: ignore[arg-type]

    @property
    def is_bare(self) -> bool:
        """Tell whether `_written` is all there is beside name, kind, status and times: no event, no link, no loss."""
        return self._made_attributes is None and self._made_events is None and self._made_links is None

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Write attributes; later ones replace earlier ones of the same key."""
        if not _is_usual(attributes) or not self._wrote(attributes):
            super().set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:  # noqa: ANN401  the SDK's
        """Write one attribute."""
        if type(key) is not str or not key or not _is_clean(value) or not self._wrote({key: value}):
            super().set_attribute(key, value)

    def write(self, attributes: dict[str, Any]) -> None:
        """Write attributes of ours, tuples among them of words alone."""
        if not _CLEAN.issuperset(map(type, attributes.values())) or not self._wrote(attributes):
            super().set_attributes(attributes)

    def _wrote(self, attributes: dict[str, Any]) -> bool:
        """Write clean values; False where the SDK has to see to the room or to the order of what is replaced."""
        written = self._written
        with self._lock:
            if self._end_time is not None or len(written) + len(attributes) > self._light.room:
                return False
            held = self._made_attributes
            if not written.keys().isdisjoint(attributes) or (held is not None and not _holds(held, written)):
                return False
            if held is None:
                written.update(attributes)
                return True
            with held._lock:  # noqa: SLF001
                written.update(attributes)
        return True

    def end(self, end_time: int | None = None) -> None:
        """End the span, once, and hand it to those who listen."""
        take = self._light.listeners(self._span_processor).take
        if take is None or not self._closed(end_time):
            super().end(end_time)
        else:
            take(self)

    def _closed(self, end_time: int | None) -> bool:
        with self._lock:
            if self._end_time is not None:
                return False
            self._end_time = time_ns() if end_time is None else end_time
            if _FREEZES and type(self._made_attributes) is BoundedAttributes:
                self._made_attributes._immutable = True  # noqa: SLF001
        return True


def _holds(held: object, written: dict[str, Any]) -> bool:
    return type(held) is BoundedAttributes and held._dict is written  # noqa: SLF001


def _is_usual(attributes: Mapping[str, Any]) -> TypeGuard[dict[str, Any]]:
    has_words = type(attributes) is dict and _WORDS.issuperset(map(type, attributes)) and "" not in attributes
    return has_words and is_clean(attributes)


_new: Final = object.__new__
