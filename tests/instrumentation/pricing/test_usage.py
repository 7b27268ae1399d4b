from __future__ import annotations

from dataclasses import fields

from spanmeter.pricing import Usage
from spanmeter.pricing.usage import BUCKETS, UNIT_BUCKETS, UNITS

FULL = Usage(*range(1, len(BUCKETS) + 1))


def test_every_field_is_a_bucket_in_the_order_of_the_groups() -> None:
    assert tuple(field.name for field in fields(Usage)) == BUCKETS


def test_totals_cover_their_buckets_and_no_units() -> None:
    assert (FULL.input_tokens, FULL.output_tokens) == (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8, 9 + 10 + 11 + 12)
    assert (FULL.cached_input_tokens, FULL.reasoning_tokens) == (2 + 6 + 8, 10)


def test_every_unit_has_a_name_for_one_of_it() -> None:
    assert {bucket: UNITS[bucket] for bucket in UNIT_BUCKETS} == UNITS


def test_adding_adds_bucket_by_bucket() -> None:
    assert Usage(input=1, output=2) + Usage(input=10, web_searches=3) == Usage(input=11, output=2, web_searches=3)
    assert Usage(*range(2, 2 * len(BUCKETS) + 1, 2)) == FULL + FULL


def test_filled_buckets_come_in_order_and_without_empty_ones() -> None:
    assert Usage(output=5, input=3).filled() == [("input", 3), ("output", 5)]
    assert Usage(pages=2, input=3, file_searches=1).filled() == [("input", 3), ("file_searches", 1), ("pages", 2)]
    assert FULL.filled() == list(zip(BUCKETS, range(1, len(BUCKETS) + 1), strict=True))
