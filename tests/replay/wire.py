"""What a recorded body says of usage, read off the wire and past every client."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.replay.recording import Recording

Body = Mapping[str, Any]


def bodies(recording: Recording) -> Iterator[dict[str, Any]]:
    """Read the JSON objects of an answer: one, or one for each event of a stream."""
    if recording.content_type.startswith("application/vnd.amazon.eventstream"):
        texts = list(_amazon_events(recording.body))
    elif recording.content_type.startswith("text/event-stream"):
        texts = [line[5:] for line in recording.body.splitlines() if line.startswith(b"data:")]
    elif recording.streamed:
        texts = recording.body.splitlines()
    else:
        texts = [recording.body]
    for text in texts:
        read = _json(text)
        yield from (each for each in (read if isinstance(read, list) else [read]) if isinstance(each, dict))


def raw_usage(recording: Recording) -> dict[str, Any]:
    """Return the provider's own usage object; the last one of a stream holds, and Anthropic's completes the first."""
    found: dict[str, Any] = {}
    for body in bodies(recording):
        said = _usage(body)
        anthropic = body.get("type") == "message_delta" or "amazon-bedrock-invocationMetrics" in body
        if said:
            found = {**found, **{key: value for key, value in said.items() if value is not None}} if anthropic else said
    return found or _counted_in_headers(recording)


def raw_model(recording: Recording) -> str:
    """Return the model that answered, the one in the path where the answer names none."""
    for body in bodies(recording):
        for place in (body, body.get("response"), body.get("message")):
            if isinstance(place, dict) and (name := place.get("model") or place.get("modelVersion")):
                return str(name)
    return str(recording.asked.get("model") or "")


def raw_tier(recording: Recording) -> dict[str, Any]:
    """Return where an answer says on which terms it was served."""
    said: dict[str, Any] = {}
    for body in bodies(recording):
        for place in (body, body.get("response")):
            if isinstance(place, dict):
                said |= {key: place[key] for key in ("service_tier", "serviceTier") if isinstance(place.get(key), str)}
    return said


def _usage(body: Body) -> dict[str, Any]:
    response = body.get("response")
    meta = response.get("meta") if isinstance(response, dict) else body.get("meta")
    places = [body, response, body.get("message"), body.get("delta"), body.get("x_groq"), meta]
    for place in (place for place in places if isinstance(place, dict)):
        for key in ("usage", "usageMetadata"):
            if isinstance(place.get(key), dict) and place[key]:
                apart = {key: place[key] for key in ("usage_breakdown",) if place.get(key)}
                return {**place[key], **apart}
        if "billed_units" in place:
            return {"billed_units": place["billed_units"]}
    if "prompt_eval_count" in body:
        return {"input_tokens": body["prompt_eval_count"], "output_tokens": body.get("eval_count", 0)}
    return {}


def _counted_in_headers(recording: Recording) -> dict[str, Any]:
    told = {name: recording.headers.get(f"x-amzn-bedrock-{name}-token-count", "") for name in ("input", "output")}
    return {f"{name}_tokens": int(number) for name, number in told.items() if number.isdigit()}


def _amazon_events(body: bytes) -> Iterator[bytes]:
    from botocore.eventstream import EventStreamBuffer  # type: ignore[import-not-found]  # noqa: PLC0415

    buffer = EventStreamBuffer()
    buffer.add_data(body)
    for event in buffer:
        wrapped = _json(event.payload)
        inner = wrapped.get("bytes") if isinstance(wrapped, dict) else None
        yield base64.b64decode(inner) if inner else event.payload


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
