"""Mending: what can be kept of a protobuf body that strict readers refuse as a whole.

One text that is not UTF-8, one value nested too deep: protobuf's readers then refuse the body with all its spans.
Here it is read with a schema of the same wire format that takes texts as bytes, and the parts that may be lost
alone as bytes too: a span, an attribute, an event, a link, a metric. Texts are mended, and of the parts that
cannot be read each is left out alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import Default, DescriptorPool
from google.protobuf.message import DecodeError, EncodeError, Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

_PROTO: Final = "opentelemetry.proto"
SPAN: Final = f"{_PROTO}.trace.v1.Span"
_ATTRIBUTE: Final = f"{_PROTO}.common.v1.KeyValue"
PARTS: Final = {
    SPAN: "span",
    f"{SPAN}.Event": "event",
    f"{SPAN}.Link": "link",
    _ATTRIBUTE: "attribute",
    f"{_PROTO}.metrics.v1.Metric": "metric",
}
"""The messages that may be lost alone, and what each is called."""
TEXT: Final = "text"
_FILES: Final = (common_pb2, resource_pb2, trace_pb2, metrics_pb2, trace_service_pb2, metrics_service_pb2)
_LISTS: Final = "KeyValueList"
_LISTS_ABOVE: Final = 4


def mend(name: str, body: bytes, lost: Counter[str]) -> bytes:
    """The body with its texts mended, and without the parts that cannot be read.

    `name` is the full name of the body's message. `lost` counts the parts left out by what `PARTS` calls them, and
    the mended texts as "text".

    Raises:
        DecodeError: the body itself cannot be read.
    """
    loose = _loose(name).FromString(body)
    _mend(loose, Default().FindMessageTypeByName(name), lost)
    return loose.SerializeToString()


def _mend(loose: Message, strict: Descriptor, lost: Counter[str]) -> None:
    for field, said in loose.ListFields():
        meant = strict.fields_by_name[field.name]
        if meant.type == FieldDescriptor.TYPE_STRING:
            _mend_texts(loose, field, said, lost)
        elif meant.message_type is None:
            continue
        elif field.message_type is None:
            _mend_parts(said, meant.message_type, lost)
        else:
            for child in said if field.is_repeated else (said,):
                _mend(child, meant.message_type, lost)


def _mend_texts(loose: Message, field: FieldDescriptor, said: Any, lost: Counter[str]) -> None:  # noqa: ANN401
    if not field.is_repeated:
        setattr(loose, field.name, _utf8(said, lost))
        return
    said[:] = [_utf8(text, lost) for text in said]


def _utf8(text: bytes, lost: Counter[str]) -> bytes:
    try:
        text.decode()
    except UnicodeDecodeError:
        lost[TEXT] += 1
        return text.decode(errors="replace").encode()
    return text


def _mend_parts(parts: Any, strict: Descriptor, lost: Counter[str]) -> None:  # noqa: ANN401
    mended = [_mended_part(part, strict, lost) for part in parts]
    if None in mended:
        lost[PARTS[strict.full_name]] += mended.count(None)
    parts[:] = [part for part in mended if part is not None]


def _mended_part(part: bytes, strict: Descriptor, lost: Counter[str]) -> bytes | None:
    is_attribute = strict.full_name == _ATTRIBUTE
    if is_attribute and _is_readable(part):
        return part
    try:
        loose = _loose(strict.full_name).FromString(part)
    except DecodeError:
        return None
    _mend(loose, strict, lost)
    mended = loose.SerializeToString()
    return mended if not is_attribute or _is_readable(mended) else None


def _is_readable(attribute: bytes) -> bool:
    """Whether strict readers take the attribute, also as deep inside a request as attributes stand."""
    try:
        value = common_pb2.KeyValue.FromString(attribute).value
        if value.WhichOneof("value") in {"array_value", "kvlist_value"}:
            for _ in range(_LISTS_ABOVE):
                value = common_pb2.AnyValue(array_value=common_pb2.ArrayValue(values=[value]))
            common_pb2.AnyValue.FromString(value.SerializeToString())
    except (DecodeError, EncodeError):
        return False
    return True


@cache
def _loose(name: str) -> type[Message]:
    return GetMessageClass(_pool().FindMessageTypeByName(name))


@cache
def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for module in _FILES:
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        _loosen(file.message_type)
        pool.Add(file)
    return pool


def _loosen(messages: Iterable[DescriptorProto]) -> None:
    for message in messages:
        for field in message.field:
            may_be_lost = field.type_name.removeprefix(".") in PARTS and message.name != _LISTS
            if may_be_lost or field.type == FieldDescriptorProto.TYPE_STRING:
                field.type = FieldDescriptorProto.TYPE_BYTES
                field.ClearField("type_name")
        _loosen(message.nested_type)
