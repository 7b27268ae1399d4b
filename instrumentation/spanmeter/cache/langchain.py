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
from copy import deepcopy
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from langchain_core.messages import BaseMessage, messages_from_dict
from langchain_core.outputs import ChatGeneration, Generation, LLMResult
from langchain_core.stores import BaseStore

from spanmeter.barrier import barrier
from spanmeter.cache.cache import Cache
from spanmeter.cache.framework import Kept
from spanmeter.cache.memory import Held
from spanmeter.cache.told import asking_call
from spanmeter.cache.waiting import finish, finish_async
from spanmeter.call import Call
from spanmeter.langchain.answer import model_answer

_NO_RUN: Final = UUID(int=0)
_UNCHANGING: Final = frozenset({str, int, float, bool, type(None)})


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

    def copied(self, value: Sequence[Generation], /) -> list[Generation]:
        """Copy generations that were read."""
        return [_copied(one) for one in value]


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


def _copied(one: Generation) -> Generation:
    copy = one.model_copy()
    copy.__dict__["generation_info"] = _apart(one.generation_info)
    if isinstance(copy, ChatGeneration):
        message = copy.message.model_copy()
        for held in filter(None, (message.__dict__, message.__pydantic_extra__)):
            held.update((name, _apart(value)) for name, value in held.items() if type(value) not in _UNCHANGING)
        copy.__dict__["message"] = message  # as it was: nothing to read or to check once more
    return copy


def _apart(value: Any) -> Any:  # noqa: ANN401  as JSON has it
    kind = type(value)
    if kind is dict:
        return {key: _apart(item) for key, item in value.items()} if value else {}
    if kind is list:
        return [_apart(item) for item in value] if value else []
    return value if kind in _UNCHANGING else deepcopy(value)


class LLMCache(BaseCache):
    """Answers of chat and completion models, by prompt, model and parameters.

    A hit saves the price of the tokens that the answer's message tells of. Where the application is instrumented, of
    several calls that miss one answer at once one asks the model and the others wait for it.
    """

    def __init__(self, cache: Cache) -> None:
        self._kept = Kept(cache, Generations())

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """What is kept, or what another call brings that asks already, in this process or in another."""
        found: RETURN_VAL_TYPE | None = _again(finish(self._kept.asking(prompt, llm_string)))
        return found

    async def alookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """The same for those who await."""
        found: RETURN_VAL_TYPE | None = _again(await finish_async(self._kept.asking(prompt, llm_string)))
        return found

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
    def _update(self, prompt: str, llm_string: str, generations: RETURN_VAL_TYPE) -> None:
        call = asking_call()
        saved_usd = None if call is None else _price(call, generations)
        self._kept.put(list(generations), prompt, llm_string, saved_usd=saved_usd)


class EmbeddingStore(BaseStore[str, bytes]):
    """A byte store for `CacheBackedEmbeddings`; a batch that was embedded together shares its price in equal parts.

    Keys are kept as digests, so that nothing lists them.
    """

    def __init__(self, cache: Cache) -> None:
        self._kept = Kept(cache, Plain())

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """What is kept for each key, or what another call brings that embeds it already."""
        return [_again(finish(self._kept.asking(key))) for key in keys]

    async def amget(self, keys: Sequence[str]) -> list[bytes | None]:
        """The same for those who await."""
        return [_again(await finish_async(self._kept.asking(key))) for key in keys]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """Keep what was embedded together."""
        self._put(self._shared(key_value_pairs))

    async def amset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """The same for those who await."""
        await asyncio.to_thread(self._put, self._shared(key_value_pairs))

    def _shared(self, pairs: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes, Decimal | None]]:
        """The share of each in the price, the first key last: others who wait for it find the rest there already."""
        return [(*pair, self._kept.share(among=place + 1)) for place, pair in reversed([*enumerate(pairs)])]

    def _put(self, shared: Sequence[tuple[str, bytes, Decimal | None]]) -> None:
        for key, vector, saved_usd in shared:
            self._kept.put(vector, key, saved_usd=saved_usd)

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


def _price(call: Call, generations: RETURN_VAL_TYPE) -> Any:  # noqa: ANN401
    result = LLMResult(generations=[list(generations)])
    return call.price(model_answer(result, run_id=_NO_RUN, provider=call.opening.provider))


def _again(held: Held | None) -> Any:  # noqa: ANN401  what the codec reads
    return None if held is None else held.again()
