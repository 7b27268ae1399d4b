"""The error of a price file that cannot be used."""

from __future__ import annotations


class PriceFileError(ValueError):
    """A price file cannot be used; the message has one line for each thing that is wrong in it."""
