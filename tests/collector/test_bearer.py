from __future__ import annotations

import pytest

from spanmeter_collector.bearer import Tokens

ONE = ("s3cret",)
TWO = ("old-token", "new-token")


@pytest.mark.parametrize(
    ("authorizations", "words", "expected"),
    [
        ([], (), True),
        ([b"Bearer whatever"], (), True),
        ([b"Bearer s3cret"], ONE, True),
        ([b"bearer  s3cret "], ONE, True),
        ([b"Bearer old-token"], TWO, True),
        ([b"Bearer new-token"], TWO, True),
        ([b"Bearer old-token,new-token"], TWO, False),
        ([b"Bearer other"], ONE, False),
        ([b"Bearer "], ONE, False),
        ([b"Bearer"], ONE, False),
        ([b""], ONE, False),
        ([b"s3cret"], ONE, False),
        ([b"Basic s3cret"], ONE, False),
        ([b"Bearer s3cret\x00"], ONE, False),
        (["Bearer s3cr\xe9t".encode("latin-1")], ONE, False),
        ([b"Bearer s3cret", b"Bearer s3cret"], ONE, False),
        ([b"Bearer wrong", b"Bearer s3cret"], ONE, False),
        ([], ONE, False),
    ],
)
def test_exactly_one_header_with_one_of_the_tokens_is_admitted(
    authorizations: list[bytes], words: tuple[str, ...], *, expected: bool
) -> None:
    assert Tokens.of(words).admits(authorizations) is expected


def test_what_shows_tokens_tells_none() -> None:
    assert "s3cret" not in repr(Tokens.of(ONE))


def test_without_words_no_token_is_asked_for() -> None:
    assert (bool(Tokens()), bool(Tokens.of(ONE))) == (False, True)
