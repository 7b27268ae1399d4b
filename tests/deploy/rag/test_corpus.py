from __future__ import annotations

import pydoc_data.topics

from spanmeter_rag.corpus import SECTIONS, passages


def test_the_whole_reference_is_there_in_at_least_400_passages() -> None:
    text = dict.fromkeys(pydoc_data.topics.topics, "")
    for passage in passages():
        text[passage.topic] += "".join(passage.text.split())
    assert text == {topic: "".join(whole.split()) for topic, whole in pydoc_data.topics.topics.items()}
    assert len(passages()) >= 400


def test_a_passage_is_short_unless_one_paragraph_is_long() -> None:
    assert all(len(passage.text) <= 1200 for passage in passages() if "\n\n" in passage.text)


def test_passages_have_an_id_of_their_own_and_one_of_the_sections() -> None:
    assert len({passage.id for passage in passages()}) == len(passages())
    assert {passage.section for passage in passages()} == set(SECTIONS)
