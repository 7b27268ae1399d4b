"""What a page says when it has nothing to show: what is so, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from spanmeter_dashboard import figures, markup
from spanmeter_dashboard.answers import Losses

_MOST_SERVICES = 3
_BUDGET = """import spanmeter

spanmeter.Budget(
    "acme-daily",
    limit_usd="25",
    period="day",
    scope={"tenant": "acme"},
    action="stop",
)"""


def unreachable(url: str) -> str:
    """The sidecar does not answer."""
    return _notice(
        "The sidecar does not answer",
        f"Nothing answers at <b>{markup.text(url)}</b>. Start the sidecar, and this page fills by itself:",
        "spanmeter collector",
        after="Applications keep their spans on disk until it is back. If it listens somewhere else, give the "
        "dashboard that address: <code>spanmeter dashboard --url http://HOST:PORT</code>",
        kind="error",
    )


def refused(sentence: str) -> str:
    """The sidecar answered with a reason and no figures."""
    return _notice("The sidecar gave no figures", markup.text(sentence), kind="error")


def no_calls(period: str, url: str, *, filtered: bool) -> str:
    """No calls in a period (in words, such as `the last 24 hours`)."""
    title = f"No calls in {markup.text(period)}"
    if filtered:
        return _notice(title, "No call matches the filters. Remove a filter or choose a longer period.")
    return _send_some(title, url)


def no_caches(period: str) -> str:
    """No request to a cache in a period."""
    return _notice(
        f"No request to a cache in {markup.text(period)}",
        "Choose a longer period, or put a cache before what is asked again and again:",
        'from spanmeter.cache import Cache\n\n@Cache("answers", ttl_s=3600)\ndef answer(question: str) -> str: ...',
        after="Its hits and what they saved show here, and so do the prompt caches of providers once one was read or "
        "written.",
    )


def unwell(ailments: Mapping[str, str]) -> str:
    """Parts of the sidecar that are not well, with the reason of each."""
    lines = "".join(
        f"<p>The sidecar's <b>{markup.text(part)}</b>: {markup.text(reason)}</p>" for part, reason in ailments.items()
    )
    return f'<div class="sm-notice lost" role="status">{lines}</div>'


def lost(losses: Losses) -> str:
    """Calls that the applications counted never arrived."""
    calls = _counted(losses.calls, "call") if losses.calls else _counted(losses.failed_calls, "failed call")
    worth = f" worth {figures.money(losses.usd)}" if losses.usd else ""
    named = ", ".join(f"<b>{markup.text(service)}</b>" for service in losses.services[:_MOST_SERVICES])
    of = f" of {named}{' and others' if losses.services[_MOST_SERVICES:] else ''}" if named else ""
    return (
        f'<div class="sm-notice lost" role="status"><p>{calls}{worth}{of}, told by the applications, never arrived: '
        "they are in no figure here. <code>spanmeter losses</code> says which process misses them and why.</p></div>"
    )


def _counted(value: int, noun: str) -> str:
    return f"<b>{figures.count(value)} {noun}{'' if value == 1 else 's'}</b>"


def no_traces(period: str, url: str, *, narrowed: bool) -> str:
    """No trace in a period."""
    title = f"No traces in {markup.text(period)}"
    if narrowed:
        return _notice(title, "No trace matches what was chosen. Remove a filter or choose a longer period.")
    return _send_some(title, url)


def no_such_trace(trace_id: str) -> str:
    """A link to a trace that is not stored."""
    return _notice(
        "This trace is not stored",
        f"The sidecar knows no trace <code>{markup.text(trace_id)}</code>. "
        "Its last step may not have arrived yet: spans appear within a few seconds. Or the link is incomplete.",
    )


def no_content(*, stored: bool) -> str:
    """A trace without prompts and answers, and how to have them."""
    sidecar = "" if stored else "<p>for the sidecar</p><pre>SPANMETER_CONTENT=on</pre>"
    return (
        '<details class="sm-hint"><summary>No prompts or answers are stored with this trace. How to see them</summary>'
        "<p>Set, before they start,</p>"
        f"{sidecar}<p>for the application</p><pre>OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY</pre>"
        "<p>What comes in from then on shows its messages, calls of tools and documents here.</p></details>"
    )


def no_budgets() -> str:
    """No budget is defined."""
    return _notice(
        "No budget is defined",
        "A budget stops calls, or has another model answer them, before more is spent than it allows. Define one in "
        "the application:",
        _BUDGET,
        after="Or, without a line of code, in a file that <code>SPANMETER_BUDGETS</code> names for the sidecar.",
    )


def unknown_dimension(name: str) -> str:
    """The address or the reader asks for a dimension that does not exist."""
    return _notice(
        f"There is no dimension “{markup.text(name)}”",
        "Choose one of the list, or type <code>tag.</code> and the key of a tag of yours.",
    )


def bad_start(sentence: str) -> str:
    """The dashboard was started with a value it cannot use."""
    return _notice("The dashboard was started with a wrong value", markup.text(sentence), kind="error")


def _send_some(title: str, url: str) -> str:
    return _notice(
        title,
        "Choose a longer period, or send some calls. This instruments a LangChain, LangGraph or LlamaIndex "
        "application:",
        "import spanmeter\n\nspanmeter.instrument(\n"
        f'    service_name="my-app",\n    endpoint="{markup.text(_origin(url))}",\n)',
        after="No application at hand? <code>spanmeter demo</code> runs one.",
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _notice(title: str, sentence: str, code: str = "", *, after: str = "", kind: str = "") -> str:
    block = f"<pre>{code}</pre>" if code else ""
    last = f"<p>{after}</p>" if after else ""
    return f'<div class="sm-notice {kind}" role="status"><h3>{title}</h3><p>{sentence}</p>{block}{last}</div>'
