"""A cache in two levels that knows what each hit saved: memory, and a file or Redis behind it.

    from spanmeter.cache import Cache, Disk

    answers = Cache("answers", ttl_s=3600, behind=Disk("/var/cache/shop/answers.sqlite"))

    @answers
    def answer(question: str) -> str: ...

    answers.stats().saved_usd

Needs the extra `spanmeter[cache]`. `spanmeter.cache.langchain` and `spanmeter.cache.llama_index` put the same cache
where the frameworks look for theirs. Nothing that is read from a cache is ever unpickled.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from spanmeter.cache.cache import Cache
    from spanmeter.cache.codec import Codec
    from spanmeter.cache.disk import Disk
    from spanmeter.cache.memory import Memory
    from spanmeter.cache.redis_server import Redis
    from spanmeter.cache.stats import Stats

__all__ = ["Cache", "Codec", "Disk", "Memory", "Redis", "Stats"]

_HOMES: Final = {
    "Cache": "spanmeter.cache.cache",
    "Codec": "spanmeter.cache.codec",
    "Disk": "spanmeter.cache.disk",
    "Memory": "spanmeter.cache.memory",
    "Redis": "spanmeter.cache.redis_server",
    "Stats": "spanmeter.cache.stats",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOMES:
        raise AttributeError(f"module 'spanmeter.cache' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
