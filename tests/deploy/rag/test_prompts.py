from __future__ import annotations

from spanmeter_rag.corpus import passages
from spanmeter_rag.prompts import ANSWER, agent_instructions
from spanmeter_rag.provider.tokens import Tokenizer


def test_the_agent_knows_every_topic_of_the_reference() -> None:
    instructions = agent_instructions()
    assert [passage.topic for passage in passages() if f"- {passage.topic}: {passage.title}" not in instructions] == []


def test_the_agent_s_instructions_are_long_enough_to_be_cached(tokenizer: Tokenizer) -> None:
    assert tokenizer.count(agent_instructions()) > 1024


def test_the_question_stands_after_the_passages() -> None:
    prompt = ANSWER.invoke({"context": "a {brace} in a passage", "question": "Why?"}).to_messages()
    assert str(prompt[-1].content).endswith("a {brace} in a passage\n\nQuestion: Why?\nAnswer:")
