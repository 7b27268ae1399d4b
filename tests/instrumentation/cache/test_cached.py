"""A decorated function asks the cache first: plain and asynchronous, one at a time and many at once."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from langchain_core.documents import Document
from tests.instrumentation.cache.crowd import until

import spanmeter
from spanmeter.cache import Cache

PATIENCE_S = 20
MANY = 50


def test_a_second_call_is_a_hit(answers: Cache, counted: Any) -> None:
    ask: Any = answers(counted)

    assert [ask("a"), ask("b"), ask(question="a")] == ["a 1", "b 2", "a 1"]
    stats = answers.stats()
    assert (stats.hits, stats.memory_hits, stats.misses, stats.unpriced_hits, stats.memory_entries) == (1, 1, 2, 1, 2)


async def test_a_second_awaited_call_is_a_hit(answers: Cache, counted: Callable[[str], str]) -> None:
    @answers
    async def ask(question: str) -> str:
        return str(counted(question))

    assert [await ask("a"), await ask("b"), await ask("a")] == ["a 1", "b 2", "a 1"]


def test_the_function_keeps_its_name(answers: Cache) -> None:
    @answers(version="2")
    def ask(question: str) -> str:
        """Ask."""
        return question

    assert (ask.__name__, ask.__doc__, ask("a")) == ("ask", "Ask.", "a")


def test_nothing_is_an_answer(answers: Cache) -> None:
    asked = []

    @answers
    def ask(question: str) -> None:
        asked.append(question)

    ask("a")
    ask("a")
    assert asked == ["a"]


def test_an_entry_expires(clock: Any, counted: Callable[[str], str]) -> None:
    ask = Cache("answers", ttl_s=60, clock=clock)(counted)
    said = [ask("a")]
    clock.now += 59.9
    said.append(ask("a"))
    clock.now += 0.1
    said.append(ask("a"))

    assert said == ["a 1", "a 1", "a 2"]


def test_an_entry_expires_on_the_level_behind(clock: Any, counted: Callable[[str], str], level: Any) -> None:
    Cache("answers", ttl_s=60, behind=level, clock=clock)(counted)("a")
    clock.now += 59.9
    said = [Cache("answers", ttl_s=60, behind=level, clock=clock)(counted)("a")]
    clock.now += 0.1
    said.append(Cache("answers", ttl_s=60, behind=level, clock=clock)(counted)("a"))

    assert said == ["a 1", "a 2"]


def test_a_tenant_never_gets_anothers_answer(answers: Cache, counted: Callable[[str], str]) -> None:
    ask = answers(counted)
    said = []
    for tenant in ("acme", "globex", "acme"):
        with spanmeter.context(tenant=tenant, user="u1"):
            said.append(ask("a"))

    assert [*said, ask("a")] == ["a 1", "a 2", "a 1", "a 3"]


@pytest.mark.parametrize(
    ("isolate", "said"),
    [((), ["a 1"] * 4), (("user",), ["a 1", "a 2", "a 1", "a 2"]), (("tenant", "user"), ["a 1", "a 2", "a 3", "a 4"])],
)
def test_what_is_apart_is_the_applications_choice(
    isolate: tuple[str, ...], said: list[str], counted: Callable[[str], str]
) -> None:
    ask = Cache("answers", isolate=isolate)(counted)
    heard = []
    for tenant in ("acme", "globex"):
        for user in ("u1", "u2"):
            with spanmeter.context(tenant=tenant, user=user):
                heard.append(ask("a"))

    assert heard == said


def test_what_a_caller_does_to_an_answer_stays_with_that_caller(answers: Cache) -> None:
    @answers
    def find(question: str) -> list[Document]:
        return [Document(page_content=question)]

    for _ in range(2):
        found = find("a")
        found[0].page_content = "changed"
        found.clear()

    assert find("a") == [Document(page_content="a")]


def test_what_would_come_back_as_something_else_is_not_cached(answers: Cache) -> None:
    made: list[Any] = []
    endless: list[Any] = []
    endless.append(endless)
    kinds = {"tuple": (1, 2), "object": object(), "nan": float("nan"), "key": {1: 2}, "endless": endless}

    @answers
    def make(kind: str) -> Any:
        made.append(kinds[kind])
        return made[-1]

    for kind in kinds:
        assert make(kind) is made[-1]
        assert make(kind) is made[-1]
    assert (len(made), answers.stats().uncached, answers.stats().misses) == (10, 10, 10)


def test_an_argument_without_a_key_is_asked_for_each_time(answers: Cache, caplog: Any) -> None:
    @answers
    def ask(client: object) -> str:
        return str(id(client))

    with caplog.at_level(logging.WARNING, logger="spanmeter"):
        said = [ask(object()) for _ in range(2)]
    assert (len(said), answers.stats().uncached) == (2, 2)
    assert [record.getMessage().partition(": ")[2].partition(" is not cached")[0] for record in caplog.records] == [
        "test_an_argument_without_a_key_is_asked_for_each_time.<locals>.ask"
    ]


def test_a_method_ignores_itself(answers: Cache, counted: Callable[[str], str]) -> None:
    class Shop:
        @answers(ignore=("self",))
        def ask(self, question: str) -> str:
            return str(counted(question))

    assert [Shop().ask("a"), Shop().ask("a")] == ["a 1", "a 1"]


def test_wrong_arguments_are_the_functions_own_error(answers: Cache, counted: Callable[[str], str]) -> None:
    with pytest.raises(TypeError, match=r"ask\(\) takes 1 positional argument but 2 were given"):
        answers(counted)("a", "b")  # type: ignore[call-arg]


def stream(question: str) -> Iterator[str]:
    yield question


async def stream_awaited(question: str) -> AsyncIterator[str]:
    yield question


class Stream:
    def __call__(self, question: str) -> Iterator[str]:
        yield question


@pytest.mark.parametrize(
    "function",
    [stream, stream_awaited, partial(stream), partial(stream_awaited), Stream()],
    ids=["plain", "awaited", "partial", "partial, awaited", "object"],
)
def test_a_generator_is_refused(function: Any, answers: Cache) -> None:
    with pytest.raises(TypeError, match="yields its values; allowed: functions that return one"):
        answers(function)


@pytest.mark.parametrize("wrap", [lambda it: it, lambda it: [it], lambda it: {"a": (1, it)}])
def test_a_stream_that_is_returned_is_its_callers(answers: Cache, wrap: Callable[[Any], Any]) -> None:
    made = []

    @answers
    def stream(question: str) -> Any:
        made.append(iter(question))
        return wrap(made[-1])

    stream("ab")
    stream("ab")
    assert ([list(one) for one in made], answers.stats().uncached) == ([["a", "b"]] * 2, 2)


def test_an_entry_can_be_forgotten(counted: Any, level: Any) -> None:
    answers = Cache("answers", behind=level)
    ask: Any = answers(counted)
    said = [ask("a"), ask("b")]
    forgotten = [answers.invalidate(ask, "a"), answers.invalidate(ask, question="a")]

    assert ([*said, ask("a"), ask("b")], forgotten) == (["a 1", "b 2", "a 3", "b 2"], [True, False])


def test_an_entry_is_forgotten_in_the_running_context(answers: Cache, counted: Callable[[str], str]) -> None:
    ask = answers(counted)
    with spanmeter.context(tenant="acme"):
        ask("a")
    forgotten = [answers.invalidate(ask, "a")]
    with spanmeter.context(tenant="acme"):
        forgotten.append(answers.invalidate(ask, "a"))

    assert forgotten == [False, True]


def test_a_methods_entry_can_be_forgotten(answers: Cache, counted: Callable[[str], str]) -> None:
    class Shop:
        @answers(ignore=("self",))
        def ask(self, question: str) -> str:
            return str(counted(question))

    shop = Shop()
    shop.ask("a")
    assert (answers.invalidate(shop.ask, "a"), shop.ask("a")) == (True, "a 2")


def test_only_a_function_of_this_cache_can_be_forgotten(answers: Cache, counted: Callable[[str], str]) -> None:
    for function in (counted, Cache("others")(counted)):
        with pytest.raises(TypeError, match="is not allowed; allowed: a function decorated with cache answers"):
            answers.invalidate(function, "a")


def test_clearing_forgets_everything(counted: Callable[[str], str], level: Any) -> None:
    answers = Cache("answers", behind=level)
    ask = answers(counted)
    ask("a")
    answers.clear()

    assert (ask("a"), answers.stats().memory_entries) == ("a 2", 1)


def test_a_failure_is_the_callers_and_not_kept(answers: Cache) -> None:
    told = iter([OSError("away"), "well"])

    @answers
    def ask(question: str) -> str:
        answer = next(told)
        if isinstance(answer, Exception):
            raise answer
        return f"{question} {answer}"

    with pytest.raises(OSError, match="away"):
        ask("a")
    assert [ask("a"), ask("a")] == ["a well", "a well"]
    assert (answers.stats().hits, answers.stats().misses) == (1, 2)


def test_a_function_may_ask_itself(answers: Cache) -> None:
    @answers
    def ask(question: str) -> str:
        return question if len(question) > 3 else ask(question + "a") + ask("b" * 9) + ask("b" * 9)

    assert ask("a") == "aaaa" + "b" * 54
    assert answers.stats().misses == 5


def test_a_function_that_asks_itself_the_same_does_not_wait_for_itself(answers: Cache) -> None:
    depth = []

    @answers
    def ask(question: str) -> str:
        depth.append(question)
        return question if len(depth) > 2 else ask(question)

    assert (ask("a"), depth) == ("a", ["a"] * 3)


class Slow:
    """A function that answers when it is let, and counts how many ask."""

    def __init__(self, *, failures: int = 0) -> None:
        self.let = threading.Event()
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.lock = threading.Lock()
        self.calls = 0
        self.failures = failures

    def ask(self, question: str) -> str:
        with self.lock:
            self.calls += 1
            fails = self.calls <= self.failures
        assert self.let.wait(PATIENCE_S)
        if fails:
            raise OSError("away")
        return f"{question} {self.calls}"

    async def ask_async(self, question: str) -> str:
        self.calls += 1
        fails = self.calls <= self.failures
        self.asked.set()
        await self.answer.wait()
        if fails:
            raise OSError("away")
        return f"{question} {self.calls}"


def boarded(cache: Cache) -> int:
    """How many wait for a leader: the standard library keeps them where no type says so."""
    waiting: Any = [flight.landed._condition for flight in cache.flights._flying.values()]
    return sum(len(condition._waiters) for condition in waiting)


def ask_at_once(cache: Cache, slow: Slow) -> list[Any]:
    ask = cache(slow.ask)
    with ThreadPoolExecutor(MANY) as pool:
        asked = [pool.submit(ask, "a") for _ in range(MANY)]
        until(lambda: slow.calls == 1 and boarded(cache) == MANY - 1)
        slow.let.set()
        return [one.exception() or one.result() for one in asked]


def test_of_many_threads_that_miss_at_once_one_computes(answers: Cache) -> None:
    slow = Slow()

    assert ask_at_once(answers, slow) == ["a 1"] * MANY
    stats = answers.stats()
    assert (slow.calls, stats.misses, stats.hits, stats.shared_hits) == (1, 1, MANY - 1, MANY - 1)


def test_a_leader_that_fails_fails_alone(answers: Cache) -> None:
    slow = Slow(failures=1)
    said = ask_at_once(answers, slow)

    assert [type(one) for one in said].count(OSError) == 1
    assert (said.count("a 2"), slow.calls) == (MANY - 1, 2)


def test_after_leaders_that_fail_everyone_asks_for_itself(answers: Cache) -> None:
    slow = Slow(failures=MANY)

    assert [type(one) for one in ask_at_once(answers, slow)] == [OSError] * MANY
    assert slow.calls == MANY


async def ask_at_once_async(cache: Cache, slow: Slow) -> list[Any]:
    ask = cache(slow.ask_async)
    asked = [asyncio.create_task(ask("a")) for _ in range(MANY)]
    await slow.asked.wait()
    slow.answer.set()
    return await asyncio.gather(*asked, return_exceptions=True)


async def test_of_many_tasks_that_miss_at_once_one_computes(answers: Cache) -> None:
    slow = Slow()

    assert await ask_at_once_async(answers, slow) == ["a 1"] * MANY
    assert (slow.calls, answers.stats().shared_hits) == (1, MANY - 1)


async def test_an_awaited_leader_that_fails_fails_alone(answers: Cache) -> None:
    slow = Slow(failures=1)
    said = await ask_at_once_async(answers, slow)

    assert (said.count("a 2"), slow.calls) == (MANY - 1, 2)


async def test_a_leader_that_is_cancelled_leaves_the_lead_to_another(answers: Cache) -> None:
    slow = Slow()
    ask = answers(slow.ask_async)
    leader, follower = asyncio.create_task(ask("a")), asyncio.create_task(ask("a"))
    await slow.asked.wait()
    leader.cancel()
    slow.answer.set()

    assert (await follower, slow.calls) == ("a 2", 2)
    with pytest.raises(asyncio.CancelledError):
        await leader


async def test_a_follower_that_is_cancelled_leaves_the_leader_alone(answers: Cache) -> None:
    slow = Slow()
    ask = answers(slow.ask_async)
    leader, follower, other = (asyncio.create_task(ask("a")) for _ in range(3))
    await slow.asked.wait()
    follower.cancel()
    await asyncio.sleep(0)
    slow.answer.set()

    assert (await leader, await other, slow.calls) == ("a 1", "a 1", 1)
