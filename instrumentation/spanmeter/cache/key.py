"""Keys: which calls are the same, whatever their spelling, and in every process.

A key is a digest, so that no argument can be read from it; equal are calls of one function, with equal arguments of
equal types, in an equal part of the running context.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from spanmeter import semconv
from spanmeter.cache.spelling import Unkeyable, spell
from spanmeter.scope import current_scope

__all__ = ["Calls", "Context", "Unkeyable", "key_of"]

_DIMENSIONS: Final[Mapping[str, str]] = {
    "user": semconv.USER_ID,
    "session": semconv.CONVERSATION_ID,
    "tenant": semconv.TENANT,
    "feature": semconv.FEATURE,
    "team": semconv.TEAM,
}
_DIGEST: Final = 20
_MISSING: Final = inspect.Parameter.empty
_PLAIN: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Context:
    """The part of the running `spanmeter.context` that keeps entries apart."""

    def __init__(self, dimensions: Sequence[str]) -> None:
        self._keys = [_DIMENSIONS.get(name, semconv.TAG_PREFIX + name) for name in dimensions]
        self._empty = self._spelled({})

    def spelled(self) -> bytes:
        """What the running context says of these dimensions, "" where it says nothing."""
        attributes = current_scope().attributes
        return self._spelled(attributes) if attributes else self._empty

    def _spelled(self, attributes: Mapping[str, str]) -> bytes:
        return b"".join(spell(attributes.get(key, "")) for key in self._keys)


class Calls:
    """Tells the calls of one function apart: `ignored` names parameters that do not matter, such as `self`.

    `identity` is what tells the function from others.
    """

    def __init__(
        self, function: Callable[..., Any], *, identity: Sequence[object], context: Context, ignored: Sequence[str]
    ) -> None:
        self._signature = inspect.signature(function)
        parameters = self._signature.parameters
        unknown = [name for name in ignored if name not in parameters]
        if unknown:
            raise TypeError(f"ignore={unknown} is not allowed; allowed: {', '.join(parameters)}")
        matters = [name for name in parameters if name not in ignored]
        self._context = context
        self._prefix = spell([*identity, matters])
        self._ignored = frozenset(ignored)
        self._parameters = [(name, parameter.default) for name, parameter in parameters.items()]
        self._is_plain = all(parameter.kind in _PLAIN for parameter in parameters.values())
        self._most = sum(parameter.kind is _PLAIN[0] for parameter in parameters.values())

    def key(self, args: tuple[Any, ...], options: Mapping[str, Any]) -> str:
        """The key of a call, however its arguments were given.

        Raises:
            Unkeyable: An argument is of a type that has no stable spelling.
            TypeError: The function does not take these arguments.
        """
        values = self._values(args, options)
        try:
            spelled = b"".join((self._prefix, self._context.spelled(), *map(spell, values)))
        except RecursionError as error:
            raise Unkeyable("an argument holds itself, or is nested too deep") from error
        return _digest(spelled)

    def _values(self, args: tuple[Any, ...], options: Mapping[str, Any]) -> Sequence[Any]:
        """The values of all parameters that matter, in their order."""
        given = len(args)
        if self._ignored or not self._is_plain or given > self._most:
            return self._bound(args, options)
        if given == len(self._parameters) and not options:
            return args
        rest = [options.get(name, default) for name, default in self._parameters[given:]]
        known = sum(name in options for name, _ in self._parameters[given:])
        if known != len(options) or any(value is _MISSING for value in rest):
            return self._bound(args, options)
        return (*args, *rest)

    def _bound(self, args: tuple[Any, ...], options: Mapping[str, Any]) -> Sequence[Any]:
        bound = self._signature.bind(*args, **options)
        bound.apply_defaults()
        return [value for name, value in bound.arguments.items() if name not in self._ignored]


def key_of(parts: object, *, context: Context) -> str:
    """The key of whatever has a stable spelling, in the running context.

    Raises:
        Unkeyable: Something in it has none.
    """
    return _digest(spell(parts) + context.spelled())


def _digest(spelled: bytes) -> str:
    return hashlib.blake2b(spelled, digest_size=_DIGEST).hexdigest()
