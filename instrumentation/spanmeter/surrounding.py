"""A call around a block of code, for what tells no start and no end of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from spanmeter.barrier import barrier
from spanmeter.call import Call
from spanmeter.current import is_suppressed
from spanmeter.opening import Opening
from spanmeter.process import calls


@contextlib.contextmanager
def surrounding(opening: Opening | None) -> Iterator[Call | None]:
    """Hold a call current for a block and end it with the block; suppressed or without an opening it just runs."""
    call = _open(opening)
    if call is None:
        yield None
        return
    try:
        with call.held():
            yield call
    except BaseException as error:
        barrier(call.fail)(error)
        raise
    barrier(call.stop)()


@barrier
def _open(opening: Opening | None) -> Call | None:
    return None if opening is None or is_suppressed() else calls().open(opening)
