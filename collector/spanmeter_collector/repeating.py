"""What is done again and again on a thread of its own, beside the doors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def repeating(work: Callable[[threading.Event], None], *, name: str) -> Iterator[None]:
    """Run `work` on a thread of that name; the event it is given says that the block ended, which waits for it."""
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
