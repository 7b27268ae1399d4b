from __future__ import annotations

import pytest

from spanmeter_dashboard import dimensions


@pytest.mark.parametrize(
    ("dimension", "known"),
    [("model", True), ("tag.experiment", True), ("tag.", False), ("experiment", False), ("hour", False)],
)
def test_any_tag_is_a_dimension(dimension: str, *, known: bool) -> None:
    assert dimensions.known(dimension) is known


def test_a_call_without_the_dimension_says_so() -> None:
    assert dimensions.label(("gpt-4.1", ""), ("model", "tenant")) == "gpt-4.1 · (no tenant)"


def test_a_tag_keeps_its_prefix_so_that_an_address_can_name_it() -> None:
    assert (dimensions.title("model"), dimensions.title("tag.experiment")) == ("Model", "tag.experiment")
