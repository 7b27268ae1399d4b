"""Whether encodings are found."""

from __future__ import annotations

import pytest

from spanmeter.doctor import estimates
from spanmeter.doctor.finding import Finding


def test_encodings_that_llama_index_ships_are_found() -> None:
    assert estimates.check() == [
        Finding.ok("estimates", "tiktoken's o200k_base and cl100k_base are on this machine"),
    ]


def test_a_missing_encoding_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "ENCODINGS", ("o200k_base", "none_base"))
    (told,) = estimates.check()
    assert (told.level, told.text.partition(" are")[0]) == ("warning", "none_base")
