from __future__ import annotations

import json
from decimal import Decimal

import pytest

from spanmeter.answer import ALL_ZERO, Answer, answer_attributes, combined, counted
from spanmeter.pricing import Usage
from spanmeter.pricing.reading import Part

ADVISED = (Part(Usage(input=30, output=5)), Part(Usage(input=7, cache_read=2, output=9), "claude-opus-4-1"))
WHOLE = Usage(input=37, cache_read=2, output=14)


def test_parts_are_told_in_one_attribute_with_the_model_that_each_names() -> None:
    attributes = answer_attributes(Answer(usage=WHOLE, parts=ADVISED))

    assert attributes == {
        "spanmeter.usage.parts": (
            '[{"input":30,"output":5},{"model":"claude-opus-4-1","input":7,"cache_read":2,"output":9}]'
        )
    }


NOT_TOLD = {
    "no parts": Answer(usage=WHOLE),
    "one part of the model that answered": Answer(usage=WHOLE, parts=(Part(WHOLE),)),
    "a call that is not counted": Answer(parts=ADVISED),
}


@pytest.mark.parametrize("answer", NOT_TOLD.values(), ids=NOT_TOLD)
def test_parts_that_say_nothing_more_are_not_told(answer: Answer) -> None:
    assert answer_attributes(answer) == {}


def test_one_part_of_another_model_is_told() -> None:
    attributes = answer_attributes(Answer(usage=WHOLE, parts=(Part(WHOLE, "claude-opus-4-1"),)))

    assert json.loads(str(attributes["spanmeter.usage.parts"])) == [
        {"model": "claude-opus-4-1", "input": 37, "cache_read": 2, "output": 14}
    ]


def test_the_region_that_served_is_told() -> None:
    assert answer_attributes(Answer(region="us")) == {"spanmeter.price.region": "us"}


def test_an_answer_takes_usage_parts_and_region_from_the_reports_below() -> None:
    reports = [Answer(usage=Usage(input=1), model="m"), Answer(usage=WHOLE, model="m", parts=ADVISED, region="us")]

    assert combined(Answer(finish_reasons=("stop",)), reports) == Answer(
        usage=Usage(input=38, cache_read=2, output=14),
        model="m",
        finish_reasons=("stop",),
        parts=(Part(Usage(input=1)), *ADVISED),
        region="us",
    )


def test_requests_that_several_models_answered_are_parts() -> None:
    reports = [Answer(usage=Usage(input=1), model="small"), Answer(usage=Usage(input=2), model="large")]

    assert combined(Answer(), reports).parts == (Part(Usage(input=1), "small"), Part(Usage(input=2)))


def test_requests_of_one_model_have_no_parts() -> None:
    reports = [Answer(usage=Usage(input=1), model="m"), Answer(usage=Usage(input=2)), Answer(model="m")]

    assert combined(Answer(model="asked"), reports) == Answer(usage=Usage(input=3), model="asked")


def test_an_answer_with_usage_keeps_its_own_parts() -> None:
    answer = Answer(usage=WHOLE, parts=ADVISED, region="eu")

    assert combined(answer, [Answer(usage=Usage(input=1), region="us")]) is answer


NOUGHT = Usage()
COUNTED: dict[str, tuple[Answer, Answer]] = {
    "all-zero": (
        Answer(usage=NOUGHT, usage_notes=("a note",), parts=(Part(NOUGHT, "m"),)),
        Answer(usage_notes=("a note", ALL_ZERO)),
    ),
    "a-prompt-alone": (Answer(usage=Usage(input=1)), Answer(usage=Usage(input=1))),
    "an-answer-alone": (Answer(usage=Usage(output=1)), Answer(usage=Usage(output=1))),
    "all-from-a-cache": (Answer(usage=Usage(cache_read=1)), Answer(usage=Usage(cache_read=1))),
    "a-fee-alone": (Answer(usage=Usage(rerank_searches=1)), Answer(usage=Usage(rerank_searches=1))),
    "free": (Answer(usage=NOUGHT, reported_usd=Decimal(0)), Answer(usage=NOUGHT, reported_usd=Decimal(0))),
    "cached": (Answer(usage=NOUGHT, cache_hit=True), Answer(usage=NOUGHT, cache_hit=True)),
    "silent": (Answer(), Answer()),
}


@pytest.mark.parametrize(("told", "believed"), COUNTED.values(), ids=COUNTED)
def test_counts_that_are_all_zero_are_no_counts(told: Answer, believed: Answer) -> None:
    assert counted(told) == believed
