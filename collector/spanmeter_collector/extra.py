"""The extras of the distribution: whether what a sub-command needs is installed."""

from __future__ import annotations

from importlib.util import find_spec


class MissingExtraError(Exception):
    """A sub-command needs an extra that is not installed; the message carries the line that installs it."""


def require(extra: str, *modules: str) -> None:
    """Check, without importing anything, that the modules of an extra are there.

    Raises:
        MissingExtraError: One is not.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise MissingExtraError(f"{missing[0]} is not installed; run: pip install 'spanmeter[{extra}]'")
