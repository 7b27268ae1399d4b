"""What an error is called."""

from __future__ import annotations


def error_type(error: BaseException) -> str:
    """Name an error by the provider's class, which langchain-openai wraps in classes that differ by version."""
    kinds = type(error).__mro__
    foreign = (kind for kind in kinds if not kind.__module__.startswith(("langchain", "builtins")))
    return next(foreign, kinds[0]).__qualname__
