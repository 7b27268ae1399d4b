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
    with lasting(opening) as call, held(call):
        yield call


@contextlib.contextmanager
def lasting(opening: Opening | None) -> Iterator[Call | None]:
    """Keep a call open for a block, current only where it is `held`."""
    call = _open(opening)
    try:
        yield call
    except BaseException as error:
        if call is not None:
            barrier(call.fail)(error)
        raise
    if call is not None:
        barrier(call.stop)()


def held(call: Call | None) -> contextlib.AbstractContextManager[None]:
    """Make a call, if there is one, current for a block."""
    return contextlib.nullcontext() if call is None else call.held()


@barrier
def _open(opening: Opening | None) -> Call | None:
    return None if opening is None or is_suppressed() else calls().open(opening)
