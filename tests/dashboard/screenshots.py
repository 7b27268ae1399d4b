"""Pictures of the cost explorer for the documentation, from a running dashboard.

    python tests/dashboard/screenshots.py [--dashboard URL] [--url URL] [--to FOLDER]

Writes overview, cost-explorer, savings, traces and trace, each also `-dark`, `-narrow` and `-dark-narrow`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import httpx
from playwright.sync_api import Page, sync_playwright

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
WIDTHS: Final = {"": 1440, "-narrow": 420}
THEMES: Final[Mapping[Literal["light", "dark"], str]] = MappingProxyType({"light": "", "dark": "-dark"})


@contextmanager
def _page(theme: Literal["light", "dark"], width: int) -> Iterator[Page]:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("needs chromium; on Debian: apt install chromium")
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium,
            args=list(ARGUMENTS),
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            device_scale_factor=2 if width < 1000 else 1,
        )
        yield context.new_page()
        context.close()


def _telling_trace(url: str, period: str) -> str:
    question = {"since": period, "order": "cost", "limit": "100"}
    traces = httpx.get(f"{url}/api/v1/traces", params=question, trust_env=False).raise_for_status().json()["traces"]
    if not traces:
        sys.exit(f"{url} holds no trace of the last {period}; run make demo first")
    best = max(traces, key=lambda trace: (len(trace["frameworks"]), len(trace["models"]), trace["spans"]))
    return str(best["trace_id"])


def _drawn(page: Page, address: str) -> None:
    page.goto(address)
    page.locator(".sm-table, .sm-step, .sm-key").first.wait_for(timeout=60_000)
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton], [data-stale=true]')", timeout=60_000)
    page.wait_for_timeout(1500)


def main() -> None:
    """Write every picture and say where."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dashboard", default="http://127.0.0.1:8501", help="the dashboard's address (%(default)s)")
    parser.add_argument("--url", default="http://127.0.0.1:4318", help="the sidecar's address (%(default)s)")
    parser.add_argument("--period", default="15m", help="15m, 1h, 24h, 7d or 30d (%(default)s)")
    parser.add_argument("--to", type=Path, default=Path("dashboard/pictures"), help="folder to write to (%(default)s)")
    options = parser.parse_args()
    trace = _telling_trace(options.url, options.period)
    pages = {
        "overview": f"/?period={options.period}&live=false",
        "cost-explorer": f"/cost?period={options.period}&live=false",
        "savings": f"/savings?period={options.period}&live=false&swap=gpt-4o=gpt-4o-mini&input_limit=500",
        "traces": f"/traces?period={options.period}&live=false",
        "trace": f"/traces?trace={trace}",
    }
    options.to.mkdir(parents=True, exist_ok=True)
    for (theme, dark), (narrow, width) in product(THEMES.items(), WIDTHS.items()):
        with _page(theme, width) as page:
            for name, path in pages.items():
                _drawn(page, options.dashboard + path)
                picture = options.to / f"{name}{dark}{narrow}.png"
                page.screenshot(path=picture)
                sys.stdout.write(f"{picture}\n")


if __name__ == "__main__":
    main()
