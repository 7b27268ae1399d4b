"""The caches of the workload, each off unless a setting switches it on."""

from __future__ import annotations

from pathlib import Path

from spanmeter.cache import Cache, Disk
from spanmeter_rag.settings import Caching


class Caches:
    """Whole answers, answers of LangChain's models, and vectors of texts; None where a cache is off.

    Answers are apart by tenant, vectors are the same for all. With a directory they outlive the process.
    """

    def __init__(self, caching: Caching) -> None:
        self._caching = caching
        self.answers = self._cache("answers", isolate=("tenant",))
        self.models = self._cache("models", isolate=("tenant",))
        self.vectors = self._cache("vectors", isolate=())

    def _cache(self, name: str, *, isolate: tuple[str, ...]) -> Cache | None:
        if name not in self._caching.caches:
            return None
        directory = self._caching.directory
        behind = Disk(Path(directory) / f"{name}.sqlite") if directory else None
        return Cache(name, ttl_s=self._caching.ttl_s, isolate=isolate, behind=behind)
