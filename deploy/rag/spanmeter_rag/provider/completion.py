"""One completion: what is answered, and the usage that is billed for it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from spanmeter_rag.provider.chance import draw
from spanmeter_rag.provider.extract import extract
from spanmeter_rag.provider.prefixes import PrefixCache
from spanmeter_rag.provider.request import Body, ChatRequest, text_of
from spanmeter_rag.provider.tokens import Tokenizer
from spanmeter_rag.provider.words import keywords

_LABELLED = re.compile(r"(?:^|\n)\s*(?:Question|Query):\s*(?P<question>.+?)\s*(?:\n\s*Answer:\s*)?$", re.DOTALL)
_CHOICE = re.compile(r"one of these words alone: (?P<words>\w+(?:, \w+)+)")
_FENCED = re.compile(r"\n-{10,}\n(?P<context>.*)\n-{10,}\n", re.DOTALL)
_TOKENS_PER_MESSAGE = 3  # https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken
_KEYWORDS_A_CHOICE = 5
_REASONING_STEP = 64
_REASONING_STEPS = 6


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function the model asks to be called, with its arguments as JSON."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer or a tool call, and its usage object in OpenAI's shape."""

    text: str
    tool_call: ToolCall | None
    finish_reason: str
    usage: dict[str, Any]

    @property
    def output_tokens(self) -> int:
        """Completion tokens, reasoning included."""
        return int(self.usage["completion_tokens"])


def complete(request: ChatRequest, *, tokenizer: Tokenizer, prefixes: PrefixCache) -> Completion:
    """Answer from the context in the prompt, or call the first tool offered when none has answered yet."""
    question, context = _question_and_context(request)
    tool_call = _call_tool(request.tools[0], question) if request.wants_tool else None
    said = _chosen(request, question) or ("" if tool_call else extract(question, context))
    text, cut = _cut(said, request.max_tokens, tokenizer)
    written = tokenizer.count(tool_call.name + tool_call.arguments if tool_call else text)
    return Completion(
        text=text,
        tool_call=tool_call,
        finish_reason="tool_calls" if tool_call else "length" if cut else "stop",
        usage=_usage(request, written=written, tokenizer=tokenizer, prefixes=prefixes),
    )


def _question_and_context(request: ChatRequest) -> tuple[str, str]:
    spoken = max((index for index, each in enumerate(request.messages) if each.get("role") == "user"), default=0)
    text = text_of(request.messages[spoken])
    found = _LABELLED.search(text)
    question, before = (found["question"], _context(text[: found.start()])) if found else (text, "")
    results = [text_of(message) for message in request.messages[spoken:] if message.get("role") == "tool"]
    return question, "\n\n".join(part for part in (before, *results) if part.strip())


def _chosen(request: ChatRequest, question: str) -> str:
    """Choose a word where the instructions ask for one of several: the more the question names, the later."""
    asked = _CHOICE.search(text_of(request.messages[0]))
    words = asked["words"].split(", ") if asked else [""]
    return words[min(len(words) - 1, len(keywords(question)) // _KEYWORDS_A_CHOICE)]


def _context(text: str) -> str:
    """Return what stands between rules, as LlamaIndex writes it, without the instructions around; else everything."""
    fenced = _FENCED.search(text)
    return fenced["context"] if fenced else text


def _call_tool(tool: Body, question: str) -> ToolCall:
    function = tool.get("function", {})
    properties = function.get("parameters", {}).get("properties", {})
    strings = [name for name, schema in properties.items() if schema.get("type") == "string"]
    words = " ".join(keywords(question)) or question
    return ToolCall(name=str(function.get("name", "")), arguments=json.dumps(dict.fromkeys(strings, words)))


def _cut(text: str, max_tokens: int | None, tokenizer: Tokenizer) -> tuple[str, bool]:
    words = text.split(" ")
    kept = len(words)
    while max_tokens is not None and kept > 1 and tokenizer.count(" ".join(words[:kept])) > max_tokens:
        kept -= 1
    return " ".join(words[:kept]), kept < len(words)


def _usage(request: ChatRequest, *, written: int, tokenizer: Tokenizer, prefixes: PrefixCache) -> dict[str, Any]:
    prompt = _prompt_tokens(request, tokenizer)
    reasoning = _reasoning_tokens(request)
    output = (written + reasoning) * request.choices
    return {
        "prompt_tokens": len(prompt),
        "completion_tokens": output,
        "total_tokens": len(prompt) + output,
        "prompt_tokens_details": {"cached_tokens": prefixes.take(request.model.name, prompt), "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning * request.choices,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _prompt_tokens(request: ChatRequest, tokenizer: Tokenizer) -> list[int]:
    tokens = tokenizer.encode(json.dumps(request.tools)) if request.tools else []
    for message in request.messages:
        calls = json.dumps(message["tool_calls"]) if message.get("tool_calls") else ""
        tokens += [-1] * _TOKENS_PER_MESSAGE
        tokens += tokenizer.encode(str(message.get("role", ""))) + tokenizer.encode(text_of(message) + calls)
    return tokens + [-1] * _TOKENS_PER_MESSAGE


def _reasoning_tokens(request: ChatRequest) -> int:
    if not request.model.reasoning:
        return 0
    steps = 1 + int(draw("reasoning", text_of(request.messages[-1])) * _REASONING_STEPS)
    return steps * _REASONING_STEP
