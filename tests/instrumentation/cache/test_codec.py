"""Values come back as the function's annotation says, and nobody's changes reach another caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage

from spanmeter.cache.codec import Typed, codec_of, fresh


@dataclass
class Passage:
    text: str
    score: float


def passages(question: str) -> list[Passage]:
    return [Passage(question, 0.1)]


def anything(question: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
    return question


def opaque(question: str) -> threading.Lock:  # type: ignore[name-defined]  # noqa: F821
    raise NotImplementedError(question)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (str, "Grüße \ud7ff"),
        (list[float], [0.1, -1e-300, 3.0]),
        (list[Document], [Document(page_content="a", metadata={"source": "b", "page": 2})]),
        (AIMessage, AIMessage("hello", usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3})),
        (dict[str, tuple[int, ...]], {"a": (1, 2)}),
        (Any, {"a": [1, 2.5, None, True]}),
        (bytes, b"plain"),
    ],
)
def test_a_value_comes_back_as_it_was(annotation: Any, value: Any) -> None:
    codec = Typed(annotation)

    assert codec.decode(codec.encode(value)) == value


def test_a_function_says_what_it_returns() -> None:
    codec = codec_of(passages)

    assert codec.decode(codec.encode(passages("a"))) == [Passage("a", 0.1)]


@pytest.mark.parametrize("function", [anything, opaque], ids=["says nothing", "names nothing"])
def test_a_function_that_says_nothing_is_read_as_json(function: Any) -> None:
    assert codec_of(function).decode(b'{"a":[1]}') == {"a": [1]}


def test_what_pydantic_does_not_know_needs_a_codec() -> None:
    with pytest.raises(TypeError, match="cannot be cached; allowed: what pydantic writes as JSON, or a codec of yours"):
        Typed(type("Opaque", (), {}))


@pytest.mark.parametrize("written", [b"", b"{", b'"text"', b"\x80\x04\x95"])
def test_what_is_no_such_value_is_refused(written: bytes) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Typed(list[float]).decode(written)


def test_a_flat_list_is_copied_for_each_caller() -> None:
    again = fresh([0.5, 1.5])
    assert again is not None
    again().append(2.5)

    assert again() == [0.5, 1.5]


def test_what_holds_more_is_read_for_each_caller() -> None:
    assert [fresh([[0.5]]), fresh({"a": 1})] == [None, None]
