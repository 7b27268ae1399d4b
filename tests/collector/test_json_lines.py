from __future__ import annotations

import json
import logging

from spanmeter_collector.json_lines import JsonLines


def record(message: str, *values: object, **extra: object) -> logging.LogRecord:
    known = {"name": "n", "levelno": logging.INFO, "levelname": "INFO", "msg": message, "args": values}
    return logging.makeLogRecord(known | {"created": 0.25} | extra)


def test_a_record_is_one_line_with_its_extras() -> None:
    line = JsonLines().format(record("%d spans\nstored", 7, path="/é"))

    assert "\n" not in line
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.250+00:00",
        "level": "info",
        "logger": "n",
        "message": "7 spans\nstored",
        "path": "/é",
    }


def test_an_error_brings_its_traceback() -> None:
    error = OSError(28, "No space left on device")

    said = json.loads(JsonLines().format(record("cannot", exc_info=(type(error), error, None))))

    assert said["error"] == "OSError: [Errno 28] No space left on device"


def test_a_secret_stands_nowhere_on_a_line() -> None:
    error = OSError("clickhouse://ada:p4ss%2Fword@db refused p4ss/word")

    line = JsonLines(["p4ss/word"]).format(
        record("at %s", "p4ss/word", url="x?p4ss/word", exc_info=(OSError, error, None))
    )

    assert ("p4ss" in line, json.loads(line)["message"]) == (False, "at …")


def test_numbers_stay_numbers() -> None:
    said = json.loads(JsonLines(["1234"]).format(record("stored", spans=7, wait_s=0.5, ok=True, what=None)))

    assert {name: said[name] for name in ("spans", "wait_s", "ok", "what")} == {
        "spans": 7,
        "wait_s": 0.5,
        "ok": True,
        "what": None,
    }


def test_what_has_parts_stays_an_object_without_secrets() -> None:
    said = json.loads(JsonLines(["p4ss"]).format(record("defined", budget={"url": "x?p4ss", "steps": ["p4ss", 1]})))

    assert said["budget"] == {"url": "x?…", "steps": ["…", 1]}
