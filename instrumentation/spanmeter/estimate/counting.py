"""Counts a call's prompt and answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from spanmeter import semconv
from spanmeter.estimate.characters import BAND, count_characters
from spanmeter.estimate.encodings import encoding
from spanmeter.estimate.excerpt import Excerpt, excerpt
from spanmeter.estimate.families import Family, family_of
from spanmeter.pricing import Usage

if TYPE_CHECKING:
    from tiktoken import Encoding

EXCERPT_BAND: Final = 0.1
TOOLS_BAND: Final = 0.25
_NEAR: Final = "o200k_base"
_SCHEMAS: Final = (
    '"parameters"',
    '"input_schema"',
    '"inputSchema"',
    '"json_schema"',
    '"function_declarations"',
    '"functionDeclarations"',
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a call probably used, and how well that is known.

    `method` names what counted: a model's own encoding (`tiktoken:o200k_base`), another's with the factor of the
    model's family (`tiktoken:o200k_base*1.15`), or the kinds of characters (`characters*1.15`); `:excerpt` follows
    where only a part was counted. 19 of 20 estimates are off by less than `error_band`, a share of the tokens: 0.05
    is five percent, and few tokens are known less well than many. It does not speak of what the provider keeps to
    itself, thoughts and prompts of its own, nor of images and sounds: none of them is counted.
    """

    usage: Usage
    method: str
    error_band: float


class _Counter(NamedTuple):
    family: Family
    encoding: Encoding | None

    @property
    def method(self) -> str:
        """Name what counts, and the factor on it."""
        name = f"tiktoken:{self.encoding.name}" if self.encoding else "characters"
        return name if self.family.factor == 1 else f"{name}*{self.family.factor:g}"

    @property
    def share(self) -> float:
        """The part of the error that grows with the tokens."""
        return self.family.share + (0 if self.encoding else BAND)

    def tokens(self, part: Excerpt) -> float:
        """Count what an excerpt stands for, before the family's factors."""
        if self.encoding is None:
            return count_characters(part.pieces) / part.share
        return sum(len(self.encoding.encode_ordinary(piece)) for piece in part.pieces) / part.share


class _Prompt(NamedTuple):
    messages: Sequence[str]
    tools: Sequence[str]
    chat: bool

    def framing(self, family: Family) -> int:
        """Count what goes around the texts."""
        around = family.per_message * len(self.messages) + family.per_chat if self.chat else 0
        return around + (family.per_tools if self.tools else 0)

    def unsure(self, family: Family) -> int:
        """The part of the error that texts of any length have, in tokens."""
        framing = family.tokens if self.chat else 1
        return family.tools_tokens if self.tools else framing


def estimate(*, provider: str, model: str, prompt: Sequence[str], answer: str, operation: str = "chat") -> Estimate:
    """Count the tokens of a call on this machine, from at most a million characters each of prompt and answer.

    `prompt` has one text for each message, and JSON for the definitions of tools, in one or many; `answer` is what
    was generated. Takes some 0.2 s of CPU at most, and 0.5 s more the first time for the encoding: not for a thread
    the application waits for. Never raises, whatever the texts hold.
    """
    family = family_of(f"{provider}/{model}")
    counter = _Counter(family, _encoding(model))
    asked = _split(prompt, chat=operation in semconv.GENERATION_OPERATIONS)
    parts = [excerpt(texts) for texts in (asked.messages, asked.tools, (answer,))]
    said, defined, answered = map(counter.tokens, parts)
    tokens_in = said * family.factor + defined * family.tools_factor + asked.framing(family)
    usage = Usage(input=round(tokens_in), output=round(answered * family.factor))
    unsure = asked.unsure(family) + TOOLS_BAND * defined
    band = counter.share + unsure / max(1, usage.input + usage.output)
    if all(part.share == 1 for part in parts):
        return Estimate(usage, counter.method, round(band, 3))
    return Estimate(usage, f"{counter.method}:excerpt", round(band + EXCERPT_BAND, 3))


def _split(prompt: Sequence[str], *, chat: bool) -> _Prompt:
    tools = [text for text in prompt if _defines_tools(text)]
    return _Prompt([text for text in prompt if not _defines_tools(text)] if tools else prompt, tools, chat)


def _defines_tools(text: str) -> bool:
    return text.startswith(("{", "[{")) and any(key in text for key in _SCHEMAS)


def _encoding(model: str) -> Encoding | None:
    """Return OpenAI's own encoding of a model, or its newest for any other; None where neither is on this machine."""
    from tiktoken.model import encoding_name_for_model  # noqa: PLC0415  the application may never need it

    try:
        name = encoding_name_for_model(model.rpartition("/")[2])
    except KeyError:
        name = _NEAR
    return encoding(name) or encoding(_NEAR)
