from __future__ import annotations

import pytest

from spanmeter_collector.bearer import is_authorized


@pytest.mark.parametrize(
    ("authorization", "token", "expected"),
    [
        (b"", "", True),
        (b"Bearer whatever", "", True),
        (b"Bearer s3cret", "s3cret", True),
        (b"Bearer other", "s3cret", False),
        (b"s3cret", "s3cret", False),
        (b"", "s3cret", False),
        ("Bearer sécret".encode("latin-1"), "s3cret", False),
    ],
)
def test_only_the_token_authorizes_where_one_is_asked_for(authorization: bytes, token: str, expected: bool) -> None:  # noqa: FBT001
    assert is_authorized(authorization, token) is expected
