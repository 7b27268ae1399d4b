"""What a call asked is known again by a keyed hash, and what differs in anything has another one."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from spanmeter import asked
from spanmeter.asked import FIRST_PREFIX, Asked, AskedTexts, Hasher, spelled
from spanmeter.hash_key import hash_key

KEY = "a key that only the tests know"


@pytest.fixture(autouse=True)
def _hashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hash with a key of the tests, and forget it and every text afterwards."""
    monkeypatch.setenv("SPANMETER_HASH_KEY", KEY)
    monkeypatch.setattr(asked, "_known", asked._Known(8))
    _forget()
    yield
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    hash_key.cache_clear()
    asked._hasher.cache_clear()


@pytest.mark.parametrize("length", [0, 1, 63, 64, 1000, 100_000])
@pytest.mark.parametrize("key", [b"short", bytes(32), bytes(range(64))], ids=len)
def test_a_hash_is_the_standard_librarys_hmac(key: bytes, length: int) -> None:
    data = bytes(index % 251 for index in range(length))
    assert Hasher(key).hash(data) == hmac.digest(key, data, "sha256").hex()[:16]


def test_a_prefix_is_hashed_as_if_nothing_followed() -> None:
    hasher, body = Hasher(b"key"), b"x" * (FIRST_PREFIX * 4 + 7)

    whole, prefixes = hasher.hashes(body, b"rest")

    assert whole == hasher.hash(body + b"rest")
    assert prefixes == "".join(hasher.hash(body[: FIRST_PREFIX * size]) for size in (1, 2, 4))


def test_a_prompt_has_no_more_prefixes_than_the_store_keeps() -> None:
    assert len(Hasher(b"key").hashes(b"x" * 4_000_000, b"")[1]) == 16 * 8


def _of(
    *, forms: bytes = b"", texts: tuple[str, ...] = ("chat openai gpt-4o", "human", "hi"), options: bytes = b""
) -> Asked:
    return Asked(forms, texts, options)


@pytest.mark.parametrize(
    "other",
    [
        _of(forms=b"tools"),
        _of(options=b"temperature"),
        _of(texts=("chat openai gpt-4o-mini", "human", "hi")),
        _of(texts=("chat openai gpt-4o", "system", "hi")),
        _of(texts=("chat openai gpt-4o", "human", "hi", "")),
        _of(texts=("chat openai gpt-4o", "humanhi")),
    ],
    ids=["tools", "options", "model", "role", "one more", "other borders"],
)
def test_whatever_differs_has_another_hash(other: Asked) -> None:
    assert other.attributes(answered=True) != _of().attributes(answered=True)


def test_a_long_prompt_tells_its_length_and_its_prefixes() -> None:
    texts = ("chat openai gpt-4o", "x" * 9000)
    first, second = (_of(texts=(*texts, said)).attributes(answered=True) for said in ("a", "b"))

    key = "spanmeter.prompt.hash"
    assert first[key] != second[key]
    assert {name: said for name, said in first.items() if name != key} == {
        name: said for name, said in second.items() if name != key
    }
    assert first["spanmeter.prompt.bytes"] == len("\0".join((*texts, "a")))
    assert len(str(first["spanmeter.prompt.prefixes"])) == 32


def _embed(*texts: str, answered: bool = True, whom: str = "embeddings openai small") -> dict[str, Any]:
    return dict(AskedTexts(whom, lambda: texts).attributes(answered=answered))


def test_texts_that_were_embedded_before_are_told_by_their_length() -> None:
    _embed("a", "bb")
    told = _embed("bb", "ccc", "ü")
    assert {key: told[key] for key in told if key != "spanmeter.prompt.hash"} == {
        "spanmeter.prompt.bytes": 7,
        "spanmeter.prompt.repeated_bytes": 2,
    }


@pytest.mark.parametrize(
    "before",
    [lambda: _embed("a", answered=False), lambda: _embed("a", whom="embeddings openai large"), lambda: _embed("b")],
    ids=["failed", "another model", "another text"],
)
def test_a_text_without_a_known_vector_is_not_told_as_repeated(before: Callable[[], Any]) -> None:
    before()
    assert _embed("a").keys() == {"spanmeter.prompt.hash"}


def test_a_process_forgets_the_texts_of_long_ago() -> None:
    _embed("first")
    for number in range(20):
        _embed(str(number))
    assert _embed("first").keys() == {"spanmeter.prompt.hash"}


def test_no_texts_have_no_hash() -> None:
    assert _embed() == {}


def test_half_a_surrogate_has_a_hash() -> None:
    assert _of(texts=("\ud800",)).attributes(answered=True)["spanmeter.prompt.bytes"] == 3


def test_what_cannot_be_spelled_is_spelled_by_its_repr() -> None:
    assert spelled({"b": 1, "a": object}) == b'{"a": "<class \'object\'>", "b": 1}'


def test_nothing_is_hashed_where_it_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANMETER_HASH_KEY", "off")
    _forget()
    assert _of().attributes(answered=True) == _embed("a") == {}
