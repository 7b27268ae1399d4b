from __future__ import annotations

import pytest

from spanmeter_rag.provider.prefixes import PrefixCache


@pytest.mark.parametrize(
    ("first", "second", "cached"),
    [
        (range(1100), range(1100), 1024),
        (range(1300), range(1300), 1280),
        (range(1023), range(1023), 0),
        (range(1100), [*range(1100), 7, 7], 1024),
        (range(2000), [*range(1200), *range(5000, 5800)], 1152),
        (range(2000), [9, *range(2000)], 0),
    ],
)
def test_a_prefix_seen_before_is_cached_in_steps_of_128_from_1024(
    first: range, second: range | list[int], cached: int
) -> None:
    cache = PrefixCache()
    assert cache.take("gpt-4o", first) == 0
    assert cache.take("gpt-4o", second) == cached


def test_models_share_no_prefixes() -> None:
    cache = PrefixCache()
    cache.take("gpt-4o", range(2000))
    assert cache.take("gpt-4o-mini", range(2000)) == 0
