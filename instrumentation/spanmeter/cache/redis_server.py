"""The level in Redis, or a server that speaks as it does: shared by machines."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as error:
    raise ImportError("spanmeter.cache.Redis needs redis: pip install 'spanmeter[cache]'") from error

_PATIENCE_S: Final = 0.5
_PREFIX: Final = "spanmeter:"
_CLAIMS: Final = "spanmeter-claim:"


class Redis:
    """Entries of any number of caches on one server, under keys that begin with `spanmeter:`.

    Claims stand under `spanmeter-claim:`. `url` is redis://, rediss:// or unix://. How much is kept is the server's to
    decide, by its `maxmemory` and `maxmemory-policy`. A request waits half a second at most and is not repeated: a
    miss is better.
    """

    faults = (redis.RedisError, OSError)

    def __init__(self, url: str, *, patience_s: float = _PATIENCE_S, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._client: Any = redis.Redis.from_url(
            url, socket_timeout=patience_s, socket_connect_timeout=patience_s, retry=Retry(NoBackoff(), 0)
        )

    def get(self, cache: str, key: str) -> bytes | None:
        """What was written, None where nothing was or it has expired."""
        found = self._client.get(_name(cache, key))
        return None if found is None else bytes(found)

    def put(self, cache: str, key: str, written: bytes, *, expires_at: float | None) -> None:
        """Write an entry."""
        left_ms = None if expires_at is None else math.ceil((expires_at - self._clock()) * 1000)
        if left_ms is None or left_ms > 0:
            self._client.set(_name(cache, key), written, px=left_ms)

    def claim(self, cache: str, key: str, holder: str, *, for_s: float) -> bool:
        """Claim a key: whether nobody else has it."""
        return bool(self._client.set(_claim(cache, key), holder, nx=True, px=math.ceil(for_s * 1000)))

    def free(self, cache: str, key: str, holder: str) -> None:
        """Give up the claim of `holder`, and nobody else's."""
        name = _claim(cache, key)
        with self._client.pipeline() as pipeline:
            pipeline.watch(name)
            if pipeline.get(name) == holder.encode():
                pipeline.multi()
                pipeline.delete(name)
                with contextlib.suppress(redis.WatchError):  # it has expired and is somebody else's
                    pipeline.execute()

    def drop(self, cache: str, key: str) -> bool:
        """Forget an entry; whether there was one."""
        return bool(self._client.delete(_name(cache, key)))

    def keys(self, cache: str) -> Iterator[str]:
        """The keys of a cache."""
        prefix = _name(cache, "")
        for name in self._names(prefix):
            yield name.decode().removeprefix(prefix)

    def clear(self, cache: str) -> None:
        """Forget all entries and claims of a cache."""
        for prefix in (_name(cache, ""), _claim(cache, "")):
            for name in self._names(prefix):
                self._client.delete(name)

    def _names(self, prefix: str) -> Iterator[bytes]:
        yield from self._client.scan_iter(match=f"{_escaped(prefix)}*", count=1000)

    def close(self) -> None:
        """Close the connections; the next use opens others."""
        self._client.close()


def _claim(cache: str, key: str) -> str:
    return f"{_CLAIMS}{cache}:{key}"


def _name(cache: str, key: str) -> str:
    return f"{_PREFIX}{cache}:{key}"


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in r"*?[]\^" else letter for letter in text)
