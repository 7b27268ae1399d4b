from __future__ import annotations

import json
from typing import Any

import pytest

from spanmeter.answer import parts_text
from spanmeter.pricing import Usage
from spanmeter.pricing.reading import Part
from spanmeter.pricing.usage import BUCKETS
from spanmeter_collector.parts import PartsError, read_parts
from spanmeter_collector.reading import read

EVERY_BUCKET = Usage(**{bucket: number for number, bucket in enumerate(BUCKETS, start=1)})
PARTS = (Part(EVERY_BUCKET), Part(Usage(input=7, output=9), "claude-opus-4-1"))


def test_what_the_application_writes_is_read_as_it_was() -> None:
    assert read_parts(parts_text(PARTS), usage=EVERY_BUCKET + PARTS[1].usage) == PARTS


MALFORMED = {
    "no JSON": '[{"input":1}',
    "no list": '{"input":1}',
    "an empty list": "[]",
    "no text": 7,
    "no objects": "[1]",
    "no counts": '[{"model":"m"}]',
    "an unknown bucket": '[{"input":1,"video":2}]',
    "a negative count": '[{"input":-1}]',
    "a fraction": '[{"input":1.5}]',
    "a truth": '[{"input":true}]',
    "too much": f'[{{"input":{10**13}}}]',
    "a model that is none": '[{"input":1,"model":3}]',
    "another sum": '[{"input":2}]',
}


@pytest.mark.parametrize("said", MALFORMED.values(), ids=MALFORMED)
def test_parts_that_contradict_the_usage_or_themselves_are_refused(said: str | int) -> None:
    with pytest.raises(PartsError, match="parts ignored: "):
        read_parts(said, usage=Usage(input=1))


@pytest.mark.parametrize("said", MALFORMED.values(), ids=MALFORMED)
def test_refused_parts_leave_the_usage_and_a_note(said: str | int) -> None:
    known: dict[str, Any] = {
        "gen_ai.usage.input_tokens": 1,
        "spanmeter.usage.parts": said,
        "spanmeter.usage.notes": ["odd"],
    }

    reading = read(known, scope="spanmeter")

    first, second = json.loads(reading.rest["spanmeter.usage.notes"])
    assert (reading.usage, reading.parts, first) == (Usage(input=1), (), "odd")
    assert second.startswith("parts ignored: ")
