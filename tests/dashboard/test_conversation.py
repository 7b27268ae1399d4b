"""What a step quotes, as HTML in which nothing of it is HTML."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest

from spanmeter_dashboard.answers import Content, Document, Message, Part, Step
from spanmeter_dashboard.conversation import OPEN, conversation
from spanmeter_dashboard.notices import no_content

EVIL = "<img src=x onerror=alert(1)></pre><script>alert(2)</script>[x](javascript:alert(3)) $x$ `y`"
StepMaker = Callable[..., Step]


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def content(*messages: Message, **beside: object) -> Content:
    plain = {"output": (), "tools": (), "arguments": "", "result": "", "query": "", "documents": ()}
    return Content(input=messages, **{**plain, **beside})  # type: ignore[arg-type]


def message(role: str, *parts: Part, finish_reason: str = "") -> Message:
    return Message(role, "", finish_reason, parts)


def test_messages_stand_by_role_with_calls_of_tools_and_why_they_ended() -> None:
    said = (message("system", Part("text", "Be brief.", "")), message("user", Part("text", "Rain?", "")))
    call = message("assistant", Part("tool_call", '{"city": "Graz"}', "weather"), finish_reason="tool_call")
    nothing = message("assistant", finish_reason="length")
    html = conversation(content(*said, output=(call, nothing), tools=(("weather", "of a city"),)))

    expected = (
        "Messages system Be brief. user Rain? assistant tool_call calls weather "
        '{"city": "Graz"} assistant length nothing 1 tool offered weather of a city'
    )
    assert words(html) == expected
    assert re.findall(r'class="sm-said (\w+)"', html) == ["system", "user", "assistant", "assistant"]
    assert '<span class="sm-chip warn">length</span>' in html


def test_a_retrieval_and_a_tool_show_what_went_in_and_came_out() -> None:
    found = Document("d1", 0.51234, "wet", '{"source": "a.md"}')
    html = conversation(content(query="rain", documents=(found,), arguments="{}", result="done"))

    expected = 'Messages searched for rain found d1 0.512 {"source": "a.md"} wet called with {} result done'
    assert words(html) == expected


def test_a_long_text_is_closed_and_whole_inside() -> None:
    text = "word " * OPEN
    html = conversation(content(message("user", Part("text", text, ""))))

    assert html.count("<details") == 1
    assert f'<pre class="sm-text">{text}</pre></details>' in html
    assert f"{5 * OPEN:,} characters" in words(html)


@pytest.mark.parametrize("kind", ["text", "reasoning", "tool_call", "tool_call_response", "media", "other"])
def test_nothing_that_is_quoted_is_markup(kind: str) -> None:
    evil = content(
        message(EVIL, Part(kind, EVIL, EVIL), finish_reason=EVIL),
        tools=((EVIL, EVIL),),
        arguments=EVIL,
        result=EVIL * 20,
        query=EVIL,
        documents=(Document(EVIL, None, EVIL, EVIL),),
    )
    html = conversation(evil)

    assert set(re.findall(r"</?([a-z0-9]+)", html)) == {
        *("div", "h4", "pre", "span", "details", "summary", "small", "dl", "dt", "dd"),
        *({"b"} if kind == "tool_call" else ()),
    }
    assert "onerror=alert(1)&gt;" in html


@pytest.mark.parametrize(("stored", "switches"), [(True, 1), (False, 2)])
def test_a_trace_without_texts_says_how_to_have_them(switches: int, *, stored: bool) -> None:
    html = no_content(stored=stored)

    assert html.count("<pre>") == switches
    assert "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY" in html
    assert ("SPANMETER_CONTENT=on" in html) is not stored
