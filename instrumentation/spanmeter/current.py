"""What is current: spans that are attached once, never detached, and step aside when their call ends.

LangChain ends asynchronous runs in a copied context, where the token of the start is of no use: a span
attached the usual way stays current for ever, or is detached with an error. So a live span is attached
without keeping the token; once its call has ended it stands for what was current before it.
"""

from __future__ import annotations

import contextlib
from abc import ABCMeta
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, Span, SpanContext
from opentelemetry.trace.propagation import _SPAN_KEY

from spanmeter.barrier import barrier

_INNERMOST: Final = context.create_key("spanmeter-innermost-call")
_attached: Final[ContextVar[LiveSpan | None]] = ContextVar("spanmeter-attached", default=None)
"""What was attached last, whatever another instrumentation has attached over it since: some put a context of their own
in place of ours, made before our call began."""


class Place(NamedTuple):
    """Where something starts: under `span`, which is `call` itself or a span the application opened inside it."""

    span: Span
    call: LiveSpan | None


NOWHERE: Final = Place(INVALID_SPAN, None)


class _Kind(ABCMeta):
    """Asks for the class alone: the abstract base's own question takes four times as long, several times a span."""

    __instancecheck__ = type.__instancecheck__


class LiveSpan(Span, metaclass=_Kind):
    """The current span while its call is open; afterwards whatever was current before.

    `above` is the call that encloses this one, open or not. `claims_children` says that the framework names
    this call as the parent of each run of its own below, so a run that does not name it is its sibling.
    """

    def __init__(self, span: Span, *, behind: Place, above: LiveSpan | None, claims_children: bool) -> None:
        self.span = span
        self.behind = behind
        self.above = above
        self.claims_children = claims_children
        self._is_current: Callable[[], bool] = _always

    @property
    def current(self) -> bool:
        """Whether what starts now starts below this span."""
        return self._is_current()

    def attach(self) -> None:
        """Make this span current in the running context; there is no way to detach, see `leave`."""
        context.attach(self._in_context())
        _attached.set(self)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Make this span current for the length of a block that begins and ends in one context."""
        holding = self._hold()
        try:
            yield
        finally:
            if holding is not None:
                _release(*holding)

    @barrier
    def _hold(self) -> tuple[Token[Context], LiveSpan | None]:
        earlier = _attached.get()
        token = context.attach(self._in_context())
        _attached.set(self)
        return token, earlier

    def leave(self, *, current_while: Callable[[], bool] | None = None) -> None:
        """Step aside while the call stays open, as a stream does once its consumer has control.

        It is current again whenever `current_while()` is true: while the stream's own code runs, not its consumer's.
        """
        self._is_current = current_while or _never

    def _in_context(self) -> Context:
        return Context({**context.get_current(), _SPAN_KEY: self, _INNERMOST: self})

    def recording(self) -> Span:
        """Return the span that stands at this place now."""
        if self._is_current is _always:  # as nearly all are, and asked several times a span
            return self.span
        return self._standing() or self.span

    @barrier
    def _standing(self) -> Span:
        span = self._now()
        return span.span if isinstance(span, LiveSpan) else span

    def _now(self) -> Span:
        if self.current:
            return self
        place, attached = innermost(self.behind), _attached.get()
        return place.span if attached is None or attached is self else _deeper(place, attached).span

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            """Read what the SDK's spans have beyond the API, such as `name`, `context` and `attributes`."""
            if name.startswith("_"):
                raise AttributeError(name)
            return getattr(self.recording(), name)

    def get_span_context(self) -> SpanContext:
        """Return the identity new children get as their parent."""
        return self.recording().get_span_context()

    def is_recording(self) -> bool:
        """Tell whether what is written here is kept."""
        return self.recording().is_recording()

    def end(self, end_time: int | None = None) -> None:
        """Do nothing: only the call that opened the span ends it."""

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Write to the span that stands here."""
        self.recording().set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:  # noqa: ANN401
        """Write to the span that stands here."""
        self.recording().set_attribute(key, value)

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:  # noqa: ANN401
        """Write to the span that stands here."""
        self.recording().add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Any = None) -> None:  # noqa: ANN401
        """Write to the span that stands here."""
        self.recording().add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """Rename the span that stands here."""
        self.recording().update_name(name)

    def set_status(self, status: Any, description: str | None = None) -> None:  # noqa: ANN401
        """Write to the span that stands here."""
        self.recording().set_status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Any = None,  # noqa: ANN401
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Write to the span that stands here."""
        self.recording().record_exception(exception, attributes, timestamp, escaped)

    def __eq__(self, other: object) -> bool:
        """Be equal to the span that stands here: where no call is open any more, to what was current before."""
        return self is other or self.recording() is (other.recording() if isinstance(other, LiveSpan) else other)

    __hash__ = Span.__hash__

    def forget(self) -> None:
        """Keep the identity alone: contexts hold an ended call for as long as they live."""
        self._is_current = _never
        self.span = NonRecordingSpan(self.span.get_span_context())


def _always() -> bool:
    return True


def _never() -> bool:
    return False


ParentHint = Callable[[], LiveSpan | None]
parent_hints: Final[list[ParentHint]] = []
"""What each framework believes the parent to be in the running context; asked when a start names none.

An adapter appends its own when it is installed and removes it again; so adapters never import each other.
"""


@barrier
def _release(token: Token[Context], earlier: LiveSpan | None) -> None:
    _attached.set(earlier)
    context.detach(token)


def is_suppressed() -> bool:
    """Tell whether the running context asks instrumentations to stay silent, as OpenTelemetry's own exporters do."""
    return bool(context.get_current().get(context._SUPPRESS_INSTRUMENTATION_KEY))  # noqa: SLF001  the API's own, unnamed


def innermost(place: Place) -> Place:
    """Follow live spans that stepped aside to what was current before them."""
    span = place.span
    while isinstance(span, LiveSpan) and not span._is_current():  # noqa: SLF001  the property's cost, for every span
        place = span.behind
        span = place.span
    return place


def here() -> Place:
    """Return the innermost open span of the running context."""
    running = context.get_current()
    span = known = running.get(_SPAN_KEY)
    if not isinstance(span, LiveSpan):
        span, known = trace.get_current_span(running), running.get(_INNERMOST)
    place = innermost(Place(known, known)) if isinstance(known, LiveSpan) else Place(span, None)
    if known is not span:
        place = Place(span, place.call)
    attached = _attached.get()
    return place if attached is None or attached is known else _deeper(place, attached)


def _deeper(place: Place, attached: LiveSpan) -> Place:
    call: LiveSpan | None = attached
    while call is not None and not call.current:
        call = call.behind.call
    if call is None or call is place.call or (place.call is not None and not _is_below(call, place.call)):
        return place
    replaced = isinstance(place.span, LiveSpan) or not place.span.get_span_context().is_valid
    return Place(call if replaced else place.span, call)


def resolve(place: Place, named: LiveSpan | None, *, skip_claiming: bool = False) -> Place:
    """Return the deepest of what is current, the parent the framework names and the parents others hint at.

    With `skip_claiming` the framework would have named a claiming call if it were the parent: such calls that are
    current are siblings, as the runs of one `batch` are.
    """
    if named is None:
        named = _hinted()
    while skip_claiming and isinstance(place.span, LiveSpan) and place.span is not named and place.span.claims_children:
        place = innermost(place.span.behind)
    return place if named is None or _is_below(place.call, named) else Place(named, named)


def _hinted() -> LiveSpan | None:
    for hint in parent_hints:
        hinted = hint()
        if hinted is not None:
            return hinted
    return None


def _is_below(call: LiveSpan | None, ancestor: LiveSpan) -> bool:
    while call is not None:
        if call is ancestor:
            return True
        call = call.above
    return False
