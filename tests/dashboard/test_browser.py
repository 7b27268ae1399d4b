"""Every page in a real browser, over a real dashboard and a real sidecar."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from spanmeter_dashboard import figures
from spanmeter_dashboard.client import Client
from spanmeter_dashboard.window import Window

pytestmark = pytest.mark.browser

CHROMIUM: Final = "/usr/bin/chromium"
ARGUMENTS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS: Final = 45_000


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    profile = tmp_path_factory.mktemp("browser")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=list(ARGUMENTS), viewport={"width": 1440, "height": 900}
        )
        context.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        yield context
        context.close()


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    """A page that fails the test on any error in the console or any exception box."""
    opened = browser.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.extend(_complaint(message)))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    boxes = opened.locator("[data-testid=stException]").all_inner_texts()
    opened.close()
    assert complaints + boxes == []


def _complaint(message: ConsoleMessage) -> list[str]:
    probing = "/_stcore/" in str(message.location.get("url"))  # Streamlit looks for its root below the page's path
    return [message.text] if message.type == "error" and not probing else []


def figures_of(page: Page) -> dict[str, str]:
    cards = page.get_by_test_id("stMetric")
    expect(cards).to_have_count(5)
    labels = page.get_by_test_id("stMetricLabel").all_inner_texts()
    return dict(zip(labels, page.get_by_test_id("stMetricValue").all_inner_texts(), strict=True))


def expect_chosen(page: Page, *names: str) -> None:
    expect(page.locator("button[aria-checked=true]").filter(has_text=re.compile(r"\w"))).to_have_text(list(names))


def test_the_overview_shows_the_figures_of_the_api(
    page: Page, dashboard: str, client: Client, last_hour: Window
) -> None:
    page.goto(dashboard)
    total = client.cost(last_hour).total
    expect(page.get_by_text("Most expensive traces")).to_be_visible()
    shown = figures_of(page)
    del shown["Model call p95"]
    assert shown == {
        "Spend · 75% priced": figures.money(total.cost_usd),
        "Calls": "4",
        "Tokens": figures.tokens(total.tokens),
        "Failed calls": "20%",
    }


def test_the_overview_draws_spend_over_time(page: Page, dashboard: str) -> None:
    page.goto(dashboard)
    chart = page.get_by_test_id("stVegaLiteChart")
    expect(chart.locator("path[aria-roledescription=bar]").first).to_be_attached()
    expect(page.locator(".sm-key").first).to_contain_text("gpt-4.1")


def test_a_copied_address_opens_the_same_view(page: Page, dashboard: str, client: Client, last_hour: Window) -> None:
    page.goto(f"{dashboard}/cost?tenant=acme&period=24h&by=Tenant&then=Model&measure=Tokens")
    total = client.cost(last_hour, filters=(("tenant", "acme"),)).total
    expect(page.locator(".sm-filters")).to_have_text("Tenant acme")
    expect(page.locator(".sm-key").first).to_have_text(re.compile(r"^acme · gpt-4o-mini\s*1\.5k$"))
    assert figures_of(page)["Spend · 100% priced"] == figures.money(total.cost_usd)
    expect_chosen(page, "24h", "Tokens")


def test_choosing_changes_the_address(page: Page, dashboard: str) -> None:
    page.goto(f"{dashboard}/cost")
    page.get_by_role("radio", name="7d").click()
    expect(page).to_have_url(re.compile(r"/cost\?period=7d$"))
    page.get_by_role("radio", name="Calls").click()
    expect(page).to_have_url(re.compile(r"/cost\?measure=Calls&period=7d$"))
    page.reload()
    expect(page.locator(".sm-key").first).to_be_visible()
    expect_chosen(page, "7d", "Calls")


def test_the_budgets_say_what_is_spent_or_how_to_define_one(page: Page, dashboard: str, sidecar: str) -> None:
    page.goto(f"{dashboard}/budgets?live=false")
    expect(page.locator(".sm-notice h3")).to_have_text("No budget is defined")
    httpx.put(f"{sidecar}/api/v1/budgets/acme", json={"limit_usd": "10"}, trust_env=False)
    told = {"holder": "h", "spent_usd": "8.5", "stopped_calls": 3}
    httpx.post(f"{sidecar}/api/v1/budgets/acme/lease", json=told, trust_env=False)
    page.reload()
    line = re.compile(r"^acmeall callsstops calls3 stopped1 without a known price\$8\.5085%\$10\.00 a day")
    expect(page.locator(".sm-table tbody tr")).to_have_text(line)
    httpx.delete(f"{sidecar}/api/v1/budgets/acme", trust_env=False)


def test_the_bill_downloads_with_exact_amounts(page: Page, dashboard: str, client: Client, last_hour: Window) -> None:
    page.goto(f"{dashboard}/cost?model=gpt-4.1")
    cost = client.cost(last_hour, filters=(("model", "gpt-4.1"),)).total.cost_usd
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").get_by_role("button").click()
    assert Path(download.value.path()).read_text() == (
        "model,cost_usd,calls,failed_calls,cache_hits,input_tokens,cached_input_tokens,output_tokens,"
        f"reasoning_tokens,unpriced_calls\ngpt-4.1,{cost:f},1,0,0,2000,0,500,0,0\n"
    )


def test_a_trace_opens_from_the_list_and_leads_back(page: Page, dashboard: str) -> None:
    page.goto(f"{dashboard}/traces?period=24h&order=Slowest")
    expect(page.locator(".sm-cell a")).to_have_text(
        ["RetrieverQueryEngine.query", "RunnableSequence", "chat <house> & model"]
    )
    page.get_by_role("link", name="RunnableSequence").click()
    expect(page).to_have_url(re.compile(rf"/traces\?trace={'11' * 16}"))
    expect(page.locator(".sm-step")).to_have_count(5)
    page.get_by_role("button", name="All traces").click()
    expect(page.locator(".sm-cell a")).to_have_count(3)
    expect_chosen(page, "24h", "Slowest")


def test_a_trace_shows_cost_and_tokens_of_each_step(page: Page, dashboard: str, client: Client) -> None:
    page.goto(f"{dashboard}/traces?trace={'11' * 16}")
    trace = client.trace("11" * 16)
    lines = page.locator(".sm-step > summary")
    expect(lines).to_have_count(5)
    assert [line.split("\n")[0] for line in lines.all_inner_texts()] == [
        "RunnableSequence langchain",
        "Retriever langchain",
        "embeddings text-embedding-3-small langchain",
        "chat gpt-4o-mini langchain",
        "chat gpt-4o-mini langchain",
    ]
    expect(lines.nth(3)).to_contain_text("RateLimitError")
    expect(lines.nth(4)).to_contain_text(f"1.2k → 300{figures.money(trace.steps[4].sums.cost_usd)}")
    lines.nth(4).click()
    expect(page.locator(".sm-step").nth(4).locator(".sm-detail")).to_contain_text("cache read computed1,000")


def test_savings_are_told_on_the_terms_of_the_address(page: Page, dashboard: str) -> None:
    page.goto(f"{dashboard}/savings?swap=gpt-4.1=gpt-4.1-nano&live=false")
    expect(page.locator(".sm-table")).to_contain_text(
        "gpt-4.1 → gpt-4.1-nano: the same tokens at the prices of that time"
    )
    expect(page.locator(".sm-table")).to_contain_text("Name the most documents of a search above.")


def test_a_trace_that_is_not_stored_says_so(page: Page, dashboard: str) -> None:
    page.goto(f"{dashboard}/traces?trace={'ff' * 16}")
    expect(page.locator(".sm-notice h3")).to_have_text("This trace is not stored")


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("/", "No calls in the last hour"),
        ("/cost", "No calls in the last hour"),
        ("/savings", "No calls in the last hour"),
        ("/traces", "No traces in the last hour"),
    ],
)
def test_an_empty_sidecar_is_a_sentence_on_every_page(
    page: Page, empty_dashboard: str, path: str, heading: str
) -> None:
    page.goto(f"{empty_dashboard}{path}")
    expect(page.locator(".sm-notice h3")).to_have_text(heading)


def test_the_page_fills_by_itself_when_the_sidecar_comes_up(
    page: Page, free_address: int, dashboard_of: Callable[[str], str], sidecar_on: Callable[[int], None]
) -> None:
    page.goto(dashboard_of(f"http://127.0.0.1:{free_address}"))
    expect(page.locator(".sm-notice h3")).to_have_text("The sidecar does not answer")
    expect(page.locator(".sm-notice")).to_contain_text(f"http://127.0.0.1:{free_address}")
    sidecar_on(free_address)
    expect(page.locator(".sm-notice h3")).to_have_text("No calls in the last hour")


@pytest.mark.parametrize(
    ("path", "theme"),
    [
        ("/", "dark"),
        ("/cost", "light"),
        ("/traces", "dark"),
        ("/savings", "dark"),
        (f"/traces?trace={'11' * 16}", "light"),
    ],
)
def test_a_phone_shows_every_page_without_scrolling_sideways(page: Page, dashboard: str, path: str, theme: str) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(f"{dashboard}{path}")
    expect(page.locator(".sm-table, .sm-step, .sm-key").first).to_be_visible()
    background = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    assert background == {"dark": "rgb(16, 20, 29)", "light": "rgb(251, 252, 254)"}[theme]
    assert page.evaluate("document.documentElement.scrollWidth") == 420
