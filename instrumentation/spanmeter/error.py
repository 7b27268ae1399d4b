"""What an error is called."""

from __future__ import annotations


def error_type(error: BaseException) -> str:
    """Name an error by the provider's class, which langchain-openai wraps in classes that differ by version.

    What gave up trying again says nothing of the reason; its cause does.
    """
    if type(error).__module__.startswith("tenacity") and error.__cause__ is not None:
        error = error.__cause__
    kinds = type(error).__mro__
    foreign = (kind for kind in kinds if not kind.__module__.startswith(("langchain", "builtins")))
    return next(foreign, kinds[0]).__qualname__
