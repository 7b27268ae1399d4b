from __future__ import annotations

import os
from pathlib import Path

import pytest
import tiktoken

from spanmeter_rag.provider import tokens
from spanmeter_rag.provider.tokens import load_tokenizer


def test_counts_are_those_of_o200k_base() -> None:
    tokenizer = load_tokenizer()
    assert (tokenizer.name, tokenizer.exact) == ("o200k_base", True)
    assert tokenizer.encode("hello world") == [24912, 2375]


def test_the_environment_is_as_before() -> None:
    before = dict(os.environ)
    load_tokenizer()
    assert dict(os.environ) == before


def test_without_the_shipped_files_counts_are_estimated_and_nothing_is_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tokens, "_SHIPPED_FILE", "absent")
    monkeypatch.setattr(tiktoken, "get_encoding", lambda _: pytest.fail("would download"))
    tokenizer = load_tokenizer()
    assert not tokenizer.exact
    assert "estimate" in tokenizer.name
    assert tokenizer.count("A generator, suspended.") == 7
    assert list(tmp_path.iterdir()) == []
