"""Usage counted here, for a call whose provider reported none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from spanmeter import semconv
from spanmeter.characters import count_characters
from spanmeter.encodings import encoding
from spanmeter.excerpt import Excerpt, excerpt
from spanmeter.pricing import Usage

PER_MESSAGE: Final = 4
"""Tokens around each message of a chat: three, and one for its role.

https://developers.openai.com/cookbook/examples/how_to_count_tokens_with_tiktoken"""
PER_CHAT: Final = 3
"""Tokens that prime a chat's answer; same source."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a call probably used, and how well that is known.

    `method` names the encoding (`tiktoken:o200k_base`), with the provider's factor on it where it is another's, or
    `characters`; `:excerpt` follows where only a part was counted. 19 of 20 estimates are off by less than
    `error_band`, a share of the true count: 0.05 is five percent. Thoughts the provider keeps to itself and whatever
    is not text are not in it.
    """

    usage: Usage
    method: str
    error_band: float


class _Count(NamedTuple):
    tokens: Callable[[str], int]
    factor: float
    method: str
    error_band: float


_EXACT_BAND: Final = 0.05
_FACTORS: Final[dict[str, tuple[float, float]]] = {
    "anthropic": (1.15, 0.30),
    "gcp.gemini": (1.10, 0.25),
    "mistral_ai": (1.15, 0.25),
}
_OTHER: Final = (1.05, 0.30)
_CHARACTERS_BAND: Final = 0.30
_EXCERPT_BAND: Final = 0.10


def estimate(*, provider: str, model: str, prompt: Sequence[str], answer: str, operation: str = "chat") -> Estimate:
    """Count the tokens of a call on this machine: nothing is downloaded, and of long texts only excerpts are read.

    `prompt` has one text for each message, `answer` is what was generated. At most some 0.2 s of CPU, and 0.5 s more
    the first time, for the encoding: not for a thread the application waits for. Never raises for any text.
    """
    count = _count(provider, model)
    prompt_part, answer_part = excerpt(prompt), excerpt([answer])
    around = PER_MESSAGE * len(prompt) + PER_CHAT if operation in semconv.GENERATION_OPERATIONS else 0
    usage = Usage(input=_tokens(prompt_part, count) + around, output=_tokens(answer_part, count))
    if prompt_part.share == answer_part.share == 1:
        return Estimate(usage, count.method, count.error_band)
    return Estimate(usage, count.method + ":excerpt", count.error_band + _EXCERPT_BAND)


def _tokens(part: Excerpt, count: _Count) -> int:
    return round(sum(map(count.tokens, part.pieces)) * count.factor / part.share)


def _count(provider: str, model: str) -> _Count:
    name = _own_encoding(model)
    own = encoding(name) if name else None
    if own is not None:
        return _Count(lambda text: len(own.encode_ordinary(text)), 1.0, f"tiktoken:{name}", _EXACT_BAND)
    factor, band = _FACTORS.get(provider, _OTHER) if name is None else (1.0, _EXACT_BAND)
    near = encoding("o200k_base")
    if near is not None:
        return _Count(lambda text: len(near.encode_ordinary(text)), factor, f"tiktoken:o200k_base*{factor:g}", band)
    return _Count(count_characters, factor, f"characters*{factor:g}", band + _CHARACTERS_BAND)


def _own_encoding(model: str) -> str | None:
    """Return tiktoken's name of a model's encoding, None for a model that is not OpenAI's."""
    from tiktoken.model import encoding_name_for_model  # noqa: PLC0415  the application may never need it

    try:
        return encoding_name_for_model(model.rpartition("/")[2])
    except KeyError:
        return None
