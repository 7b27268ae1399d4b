"""What happens when a model does not answer: another model is asked, then the passages that fit are all there is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import openai

import spanmeter
from spanmeter_rag.answer import Answer, Mode, Way
from spanmeter_rag.breaker import refusal
from spanmeter_rag.effects import note
from spanmeter_rag.lexicon import Lexicon
from spanmeter_rag.patience import is_outage

NO_MODEL: Final = (
    "No language model can be asked at the moment. This is not an answer: below are the passages of the reference that "
    "share most words with the question."
)


@dataclass(frozen=True, slots=True)
class Route:
    """A way of answering and the model it uses."""

    way: Way
    model: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a question got: an answer and the model that gave it, or the passages alone and the reason why."""

    answer: Answer
    model: str
    reason: str = ""


class Ladder:
    """Asks one route after the other until one answers; `lexicon` None means that then the last error comes through.

    Calls of a further route carry the tag `step=fallback`.
    """

    def __init__(self, routes: Sequence[Route], lexicon: Lexicon | None, *, sources: int) -> None:
        self.routes = tuple(routes)
        self._lexicon = lexicon
        self._sources = sources

    async def answer(self, question: str, mode: Mode) -> Outcome:
        """Answer in a mode. Raises openai.APIError when no route does and no passages are to be given instead."""
        outage: openai.APIError | None = None
        for route in self.routes:
            try:
                return Outcome(await _ask(route, question, mode, again=outage is not None), route.model)
            except openai.APIError as error:
                if not is_outage(error):
                    raise
                outage = error
        if self._lexicon is None or outage is None:
            raise outage or LookupError("a ladder without a route")
        note("degraded")
        return Outcome(self._passages(question, self._lexicon), "", _reason(outage))

    @spanmeter.track("passages alone")
    def _passages(self, question: str, lexicon: Lexicon) -> Answer:
        return Answer(NO_MODEL, lexicon.search(question, count=self._sources))


async def _ask(route: Route, question: str, mode: Mode, *, again: bool) -> Answer:
    with ExitStack() as around:
        if again:
            note("fallback")
            around.enter_context(spanmeter.track("fallback"))
            around.enter_context(spanmeter.context(step="fallback"))
        if mode == "sync":
            return await asyncio.to_thread(route.way.ask, question)
        return await (route.way.ask_async(question) if mode == "async" else route.way.ask_streaming(question))


def _reason(outage: openai.APIError) -> str:
    refused = refusal(outage)
    return str(refused) if refused else f"{type(outage).__name__}: {outage.message}"
