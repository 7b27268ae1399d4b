"""Blocks of content as providers and LangChain write them, as parts of the convention."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from spanmeter.content import part
from spanmeter.content.part import Part

Block = Mapping[str, Any]

_CALLS: Final = frozenset({"tool_use", "tool_call", "function_call", "tool_call_chunk", "invalid_tool_call"})
_MEDIA: Final = {
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "audio": "audio",
    "input_audio": "audio",
    "video": "video",
    "video_url": "video",
    "document": "document",
    "file": "document",
    "input_file": "document",
    "text-plain": "document",
}
_ADDRESSES: Final = ("url", "uri", "file_uri", "image_url", "file_url", "video_url")
_DATA: Final = ("base64", "data", "file_data", "bytes")
_FILES: Final = ("file_id", "id")
_TYPES: Final = ("mime_type", "media_type", "mimeType", "format")


def parts_of(content: object, *, calls: bool = True) -> Iterator[Part]:
    """The parts in the content of a message: a text, or a list of blocks; without `calls`, no calls of tools."""
    if isinstance(content, str):
        if content:
            yield part.text(content)
    elif isinstance(content, Mapping):
        yield from _block(content, calls=calls)
    elif isinstance(content, Sequence):
        for block in content:
            yield from parts_of(block, calls=calls)


def _block(block: Block, *, calls: bool) -> Iterator[Part]:
    kind = str(block.get("type") or "")
    if kind in _CALLS:
        if calls:
            arguments: object = next((block[key] for key in ("input", "args", "arguments") if key in block), {})
            yield part.tool_call(block.get("id") or block.get("call_id"), block.get("name"), arguments)
        return
    read = _READERS.get(kind)
    if read is not None:
        yield from read(block)
    elif kind in _MEDIA or kind == "media":
        yield _media(_MEDIA.get(kind, ""), block)
    elif kind.startswith("server_tool") and not kind.endswith("result"):
        yield part.server_tool_call(block.get("id"), block.get("name"), block)
    elif kind.endswith("_result"):
        yield part.server_tool_response(block.get("tool_use_id") or block.get("tool_call_id"), block)
    elif kind.endswith("_call"):
        yield part.server_tool_call(block.get("id"), kind.removesuffix("_call"), block)
    elif not kind and isinstance(block.get("text"), str):
        yield part.text(block["text"])
    else:
        yield part.unknown(kind, block)


def _text(block: Block) -> Iterator[Part]:
    said = block.get("text", block.get("refusal"))
    if said:
        yield part.text(said)


def _reasoning(block: Block) -> Iterator[Part]:
    """Each provider has a place of its own; some show nothing."""
    inner = block.get("reasoning_content")
    told = (
        block.get("thinking") or block.get("reasoning") or (inner.get("text") if isinstance(inner, Mapping) else inner)
    )
    pieces = [told] if told else [*(block.get("summary") or ()), *(block.get("content") or ())]
    said = [piece.get("text", "") if isinstance(piece, Mapping) else str(piece) for piece in pieces]
    if any(said):
        yield part.reasoning("\n".join(said))


def _tool_result(block: Block) -> Iterator[Part]:
    yield part.tool_response(block.get("tool_use_id") or block.get("tool_call_id"), response_of(block.get("content")))


def response_of(content: object) -> object:
    """What a tool answered: the text, if it is nothing else, or its parts."""
    parts = list(parts_of(content))
    if all(found["type"] == "text" for found in parts):
        return "\n".join(found["content"] for found in parts)
    return parts


def _media(kind: str, block: Block) -> Part:
    """Data by whichever of its keys, in the block itself or one level below."""
    inner = next((held for held in block.values() if isinstance(held, Mapping)), {})
    told = {**block, **inner}
    mime = next((told[key] for key in _TYPES if told.get(key)), None)
    kind = kind or part.modality(mime)
    for keys, read in ((_ADDRESSES, part.media_at), (_DATA, part.media), (_FILES, part.media_file)):
        found = next((told[key] for key in keys if isinstance(told.get(key), str | bytes) and told[key]), None)
        if found is not None:
            return read(kind, found, mime)
    return part.unknown(block.get("type"), block)


_READERS: Final[Mapping[str, Callable[[Block], Iterator[Part]]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "refusal": _text,
    "thinking": _reasoning,
    "reasoning": _reasoning,
    "reasoning_content": _reasoning,
    "tool_result": _tool_result,
}
