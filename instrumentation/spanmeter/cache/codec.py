"""How values are written: as JSON that the function's own annotation reads back, with no class named in the data."""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final, Protocol, runtime_checkable

try:
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation
except ImportError as error:
    raise ImportError("spanmeter.cache needs pydantic and cachetools: pip install 'spanmeter[cache]'") from error

_SCALARS: Final = (str, int, float, bool, bytes, type(None))
UNREADABLE: Final = (ValueError, TypeError, LookupError, AttributeError)
"""What reading bytes raises that are not what they should be; pydantic's ValidationError is a ValueError."""


class Codec(Protocol):
    """Writes values and reads them again. `decode` raises ValueError, TypeError, LookupError or AttributeError."""

    def encode(self, value: Any, /) -> bytes:  # noqa: ANN401
        """Write a value."""

    def decode(self, written: bytes, /) -> Any:  # noqa: ANN401
        """Read a value."""


@runtime_checkable
class Copying(Protocol):
    """A codec that copies what it has read faster than it reads it once more."""

    def copied(self, value: Any, /) -> Any:  # noqa: ANN401
        """An equal value, of which nothing is shared that can be changed."""


class Typed:
    """Writes values of one annotation as JSON: what pydantic knows, such as `str`, `list[float]`, `list[Document]`."""

    def __init__(self, annotation: Any = Any) -> None:  # noqa: ANN401
        try:
            self._adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation) as error:
            raise TypeError(
                f"values of {annotation!r} cannot be cached; allowed: what pydantic writes as JSON, or a codec of yours"
            ) from error

    def encode(self, value: Any, /) -> bytes:  # noqa: ANN401
        """Write a value.

        Raises:
            ValueError: It is nothing that JSON holds.
        """
        return self._adapter.dump_json(value, warnings=False)

    def decode(self, written: bytes, /) -> Any:  # noqa: ANN401
        """Read a value.

        Raises:
            ValueError: It is no value of the annotation.
        """
        return self._adapter.validate_json(written)


def codec_of(function: Callable[..., Any]) -> Codec:
    """The codec for what a function says that it returns; any JSON where it says nothing.

    Raises:
        TypeError: It returns what pydantic does not know.
    """
    told = function if inspect.isroutine(function) else getattr(function, "func", type(function).__call__)
    try:
        annotation = typing.get_type_hints(told).get("return", Any)
    except NameError:  # names that stand under TYPE_CHECKING only
        annotation = Any
    return Typed(annotation)


def is_read_once(value: Any) -> bool:  # noqa: ANN401
    """Whether a value, or something in it, is gone once it is read: to write a generator would empty the caller's."""
    if isinstance(value, (Iterator, AsyncIterator, Awaitable)):
        return True
    inside = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (list, tuple, set, frozenset, dict)) or set(_SCALARS).issuperset(map(type, inside)):
        return False
    return any(map(is_read_once, inside))


def fresh(value: Any) -> Callable[[], Any] | None:  # noqa: ANN401
    """How to hand out a value again so that nobody changes another's: as it is, or copied; None: by reading it."""
    if type(value) in _SCALARS:
        return lambda: value
    if type(value) is list and all(type(item) in _SCALARS for item in value):
        kept: list[Any] = value.copy()
        return kept.copy
    return None
