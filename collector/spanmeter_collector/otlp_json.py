"""OTLP/JSON: bodies in JSON to messages, as https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding says.

Ids are hex in either case, 64-bit numbers strings or numbers, unknown fields are left out. What JSON itself forbids
and senders write all the same is taken: half an emoji where a text was cut, bytes that are not UTF-8, NaN.
"""

from __future__ import annotations

import binascii
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import orjson
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from spanmeter_collector.mending import PARTS

_ID_FIELDS: Final = frozenset({"traceId", "spanId", "parentSpanId"})
_TRACE_PATH: Final = ("resourceSpans", "scopeSpans", "spans", "links")
_METRIC_PATH: Final = ("resourceMetrics", "scopeMetrics", "metrics")
_POINT_PATH: Final = ("dataPoints", "exemplars")
_DATA: Final = ("gauge", "sum", "histogram", "exponentialHistogram")
_MOST_DIGITS: Final = 400
_UNREADABLE: Final = (ParseError, RecursionError, UnicodeEncodeError, TypeError, AttributeError)
"""What protobuf's reader of JSON raises; the last two for a number or text in place of an object."""


class JsonError(ValueError):
    """A body is not such a message in JSON; the message says where it breaks."""


def read_json(message: Message, body: bytes, lost: Counter[str]) -> None:
    """Fill a message from a body; parts that cannot be read are left out alone and counted, as `mending` does.

    Raises:
        JsonError: the body is not JSON, or not such a message.
    """
    try:
        document = _document(body)
        _convert_ids(document)
        _fill(message, document, lost)
    except RecursionError as error:
        raise JsonError("it is nested too deeply; some hundred levels are read") from error
    except (*_UNREADABLE, ValueError) as error:
        raise JsonError(str(error)) from error


def _document(body: bytes) -> Any:  # noqa: ANN401
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = _lenient_document(body)
    if not isinstance(document, dict):
        raise JsonError(f"expected an object, got {type(document).__name__}")
    return document


def _lenient_document(body: bytes) -> Any:  # noqa: ANN401
    """Python's reader takes more than the standard; half of a pair of surrogates becomes U+FFFD."""
    document = json.loads(body.decode("utf-8-sig", errors="replace"), parse_int=_number)
    text = json.dumps(document, ensure_ascii=False)
    whole = text.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")
    return document if whole == text else json.loads(whole)


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < _MOST_DIGITS else float(digits)


def _convert_ids(document: dict[str, Any]) -> None:
    """ProtoJSON wants bytes as base64, OTLP/JSON writes ids as hex."""
    nodes = [*_nodes(document, _TRACE_PATH)]
    for metric in _nodes(document, _METRIC_PATH, only_last=True):
        for kind in _DATA:
            nodes += _nodes(metric.get(kind), _POINT_PATH)
    for node in nodes:
        for field in _ID_FIELDS & node.keys():
            node[field] = _base64_of_hex(node[field])


def _nodes(node: Any, path: tuple[str, ...], *, only_last: bool = False) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """The objects on a path of lists, from the first that is found there to the last."""
    if not isinstance(node, dict):
        return
    if not (only_last and path):
        yield node
    children = node.get(path[0]) if path else None
    for child in children if isinstance(children, list) else ():
        yield from _nodes(child, path[1:], only_last=only_last)


def _base64_of_hex(text: Any) -> str | None:  # noqa: ANN401
    """What is no hex becomes no id, which refuses its span alone."""
    try:
        return binascii.b2a_base64(binascii.unhexlify(text or ""), newline=False).decode()
    except (TypeError, ValueError):
        return None


def _fill(message: Message, node: Any, lost: Counter[str]) -> None:  # noqa: ANN401
    try:
        if not isinstance(node, dict):
            raise ParseError(f"expected an object, got {type(node).__name__}")
        ParseDict(node, message, ignore_unknown_fields=True)
    except _UNREADABLE:
        message.Clear()
        children = _children(message, node)
        if not children:
            raise
        rest = {key: said for key, said in node.items() if key not in children}
        ParseDict(rest, message, ignore_unknown_fields=True)
        for key, name in children.items():
            _fill_child(getattr(message, name), node[key], lost)


def _children(message: Message, node: Any) -> dict[str, str]:  # noqa: ANN401
    """The fields that hold messages of their own, by key; an attribute is read as a whole or not at all."""
    if not isinstance(node, dict) or PARTS.get(message.DESCRIPTOR.full_name) == "attribute":
        return {}
    fields = {field.json_name: field.name for field in message.DESCRIPTOR.fields if field.message_type}
    return {key: name for key, name in fields.items() if node.get(key) is not None}


def _fill_child(child: Any, said: Any, lost: Counter[str]) -> None:  # noqa: ANN401
    if isinstance(child, Message):
        child.SetInParent()
        _fill(child, said, lost)
        return
    if not isinstance(said, list):
        raise ParseError(f"expected a list, got {type(said).__name__}")
    for item in said:
        part = child.add()
        try:
            _fill(part, item, lost)
        except _UNREADABLE:
            if (name := PARTS.get(part.DESCRIPTOR.full_name)) is None:
                raise
            del child[-1]
            lost[name] += 1
