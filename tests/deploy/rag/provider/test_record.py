from __future__ import annotations

import json
from pathlib import Path

from spanmeter_rag.provider.record import Record

CHAT = {
    "prompt_tokens": 1200,
    "completion_tokens": 80,
    "total_tokens": 1280,
    "prompt_tokens_details": {"cached_tokens": 1024},
    "completion_tokens_details": {"reasoning_tokens": 64},
}


def test_totals_count_answered_requests_and_never_refused_ones() -> None:
    record = Record()
    record.answered(kind="chat", model="a", id="1", usage=CHAT, stream=True)
    record.answered(kind="embeddings", model="b", id="2", usage={"prompt_tokens": 7}, stream=False)
    record.refused(kind="chat", model="a", status=429)
    report = record.report()
    chat = {
        "calls": 1,
        "input_tokens": 1200,
        "output_tokens": 80,
        "cached_input_tokens": 1024,
        "reasoning_tokens": 64,
    }
    embeddings = dict.fromkeys(chat, 0) | {"calls": 1, "input_tokens": 7}
    assert report["total"] == chat | {"calls": 2, "input_tokens": 1207}
    assert report["by_model"] == {"a": chat, "b": embeddings}
    assert report["refused"] == 1
    assert [entry["status"] for entry in report["requests"]] == [200, 200, 429]


def test_every_entry_is_a_line_of_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "usage.jsonl"
    record = Record(path)
    record.answered(kind="chat", model="a", id="1", usage=CHAT, stream=False)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    record.close()
    assert lines == record.report()["requests"]
    assert lines[0]["usage"] == CHAT
