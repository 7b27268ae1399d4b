"""What the calls of one process share: prices, metrics and counters."""

from __future__ import annotations

import functools
import logging
from typing import Final

from spanmeter import metrics
from spanmeter.barrier import faults
from spanmeter.call import Calls
from spanmeter.pricing import PriceBook, PriceFileError
from spanmeter.tally import tally

_log: Final = logging.getLogger("spanmeter")


@functools.cache
def calls() -> Calls:
    """Return the process's own `Calls`; the first time reads the price list, some 0.4 s."""
    return Calls(price=_prices().amount, receivers=(metrics.observe, tally.add))


def _prices() -> PriceBook:
    """Read the price list and the user's price file; a wrong one is said and left out, for the application goes on."""
    try:
        return PriceBook.load()
    except PriceFileError as error:
        faults["prices"] += 1
        _log.error("the application goes on without the prices of %s", error)
        return PriceBook.load(prices="")
