"""The cache where LangChain looks for one.

from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_core.globals import set_llm_cache
from spanmeter.cache import Cache, Disk
from spanmeter.cache.langchain import EmbeddingStore, LLMCache

set_llm_cache(LLMCache(Cache("answers", ttl_s=3600, behind=Disk("/var/cache/shop/answers.sqlite"))))
CacheBackedEmbeddings.from_bytes_store(
    embeddings, EmbeddingStore(Cache("vectors", isolate=())), namespace=embeddings.model, key_encoder="sha256"
)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from langchain_core.messages import BaseMessage, messages_from_dict
from langchain_core.outputs import ChatGeneration, Generation, LLMResult
from langchain_core.stores import BaseStore

from spanmeter.barrier import barrier
from spanmeter.cache.cache import Cache
from spanmeter.cache.claim import Found
from spanmeter.cache.flight import MOST_WAITS, Flight
from spanmeter.cache.framework import Kept
from spanmeter.cache.memory import Held
from spanmeter.cache.told import asking_call
from spanmeter.call import Call
from spanmeter.langchain.answer import model_answer

_NO_RUN: Final = UUID(int=0)


class Generations:
    """Writes what a model generated as JSON; reading makes texts and LangChain's own messages, nothing else."""

    def encode(self, value: Sequence[Generation], /) -> bytes:
        """Write generations.

        Raises:
            TypeError: One holds what JSON does not.
        """
        return json.dumps([_written(one) for one in value]).encode()

    def decode(self, written: bytes, /) -> list[Generation]:
        """Read generations.

        Raises:
            ValueError: They are none; also TypeError and LookupError.
        """
        return [_read(one) for one in json.loads(written)]


def _written(one: Generation) -> dict[str, Any]:
    told: dict[str, Any] = {"text": one.text, "info": one.generation_info}
    if isinstance(one, ChatGeneration):
        told["message"] = {"type": one.message.type, "data": one.message.model_dump()}
    return told


def _read(told: dict[str, Any]) -> Generation:
    if "message" not in told:
        return Generation(text=told["text"], generation_info=told["info"])
    message: BaseMessage
    (message,) = messages_from_dict([told["message"]])
    return ChatGeneration(message=message, generation_info=told["info"])


class LLMCache(BaseCache):
    """Answers of chat and completion models, by prompt, model and parameters.

    A hit saves the price of the tokens that the answer's message tells of. Where the application is instrumented, of
    several calls that miss one answer at once one asks the model and the others wait for it.
    """

    def __init__(self, cache: Cache) -> None:
        self._kept = Kept(cache, Generations())
        self._flights = cache.flights
        self._claims = cache.claims

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """What is kept, or what another call brings that asks already, in this process or in another."""
        key, held = self._near(prompt, llm_string) or ("", None)
        if held is not None:
            return _again(held)
        call = asking_call()
        for _ in range(0 if call is None or not key else MOST_WAITS):
            flight = self._board(key, call)
            if flight is None:
                return _again(self._lead(key, call, self._claims.search(key, self._kept.codec)))
            held = self._flights.wait(key, flight)
            if held is not None:
                return _again(self._hit(held, "shared_hits"))
        return _again(self._kept.find(prompt, llm_string))

    async def alookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """The same for those who await."""
        key, held = self._near(prompt, llm_string) or ("", None)
        if held is not None:
            return _again(held)
        call = asking_call()
        for _ in range(0 if call is None or not key else MOST_WAITS):
            flight = self._board(key, call)
            if flight is None:
                return _again(self._lead(key, call, await self._claims.search_async(key, self._kept.codec)))
            held = await self._flights.wait_async(key, flight)
            if held is not None:
                return _again(self._hit(held, "shared_hits"))
        return _again(await asyncio.to_thread(self._kept.find, prompt, llm_string))

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Keep what a model answered."""
        self._update(prompt, llm_string, return_val)

    async def aupdate(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Keep what a model answered."""
        await asyncio.to_thread(self._update, prompt, llm_string, return_val)

    def clear(self, **_: Any) -> None:  # noqa: ANN401  LangChain's signature
        """Forget every answer."""
        self._kept.cache.clear()

    @barrier
    def _near(self, prompt: str, llm_string: str) -> tuple[str, Held | None]:
        """The key, and what memory holds; that is counted."""
        key = self._kept.key(prompt, llm_string)
        held = self._kept.cache.shelf.near(key)
        if held is not None:
            self._kept.hit(held, "memory_hits")
        return key, held

    @barrier
    def _board(self, key: str, call: Call | None) -> Flight | None:
        """The flight to wait for; None makes this call the one that asks the model, and its end tells of a failure."""
        return None if call is None else self._flights.board(key, is_led=partial(_is_asking, call))

    @barrier
    def _lead(self, key: str, call: Call | None, found: Found | None) -> Held | None:
        """What was found behind memory, for all who wait, or a miss that is now this call's to answer."""
        if found is not None:
            self._land(key, found[0])
            return self._hit(*found)
        self._kept.miss()
        if call is not None:
            call.when_closed = partial(self._land, key, None)
        return None

    def _land(self, key: str, held: Held | None) -> None:
        self._flights.land(key, held)
        self._claims.free(key)

    @barrier
    def _hit(self, held: Held, how: str) -> Held:
        self._kept.hit(held, how)
        return held

    @barrier
    def _update(self, prompt: str, llm_string: str, generations: RETURN_VAL_TYPE) -> None:
        call = asking_call()
        saved_usd = None if call is None else _price(call, generations)
        held = self._kept.put(list(generations), prompt, llm_string, saved_usd=saved_usd)
        self._land(self._kept.key(prompt, llm_string), held)


class EmbeddingStore(BaseStore[str, bytes]):
    """A byte store for `CacheBackedEmbeddings`; a batch that was embedded together shares its price in equal parts.

    Keys are kept as digests, so that nothing lists them.
    """

    def __init__(self, cache: Cache) -> None:
        self._kept = Kept(cache, Plain())

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """What is kept for each key."""
        return [None if held is None else held.again() for held in map(self._kept.find, keys)]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """Keep what was embedded together."""
        for place, (key, vector) in enumerate(key_value_pairs):
            self._kept.keep(vector, key, among=len(key_value_pairs) - place)

    def mdelete(self, keys: Sequence[str]) -> None:
        """Forget keys."""
        for key in keys:
            self._kept.drop(key)

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        """Refuse.

        Raises:
            NotImplementedError: Keys are kept as digests.
        """
        raise NotImplementedError("keys are kept as digests and cannot be listed; `Cache.clear()` forgets all of them")


class Plain:
    """Writes bytes as they are."""

    def encode(self, value: bytes, /) -> bytes:
        """Write bytes."""
        return value

    def decode(self, written: bytes, /) -> bytes:
        """Read bytes."""
        return written


def _is_asking(call: Call) -> bool:
    return call.open and call.current


def _price(call: Call, generations: RETURN_VAL_TYPE) -> Any:  # noqa: ANN401
    result = LLMResult(generations=[list(generations)])
    return call.price(model_answer(result, run_id=_NO_RUN, provider=call.opening.provider))


def _again(held: Held | None) -> RETURN_VAL_TYPE | None:
    return None if held is None else held.again()
