"""What a cache would have saved is what the provider's own record charged for requests it had answered before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import httpx
from tests.e2e.test_one_figure import ROOT, sidecar_of


def test_repeated_requests_cost_what_the_provider_charged_for_them(tmp_path: Path) -> None:
    environment = {"SPANMETER_SPOOL_DIR": str(tmp_path / "spool"), "SPANMETER_HASH_KEY": "a key of this test alone"}
    with sidecar_of(tmp_path / "data", {}) as url:
        done = subprocess.run(
            [sys.executable, "-m", "tests.e2e.repeating", url],
            cwd=ROOT,
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT / "tests/others")},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        told = json.loads(done.stdout.splitlines()[-1])
        deadline = time.monotonic() + 30
        while (answer := httpx.get(f"{url}/api/v1/savings", trust_env=False).json())["calls"] < 27:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        again = {row["name"]: [row["calls"], row["saved_usd"]] for row in answer["proposals"] if row["calls"]}

    assert told["again"].keys() == {"answer_cache", "embedding_cache"}
    assert told["again"]["answer_cache"][0] == 7
    assert again.keys() == told["again"].keys()
    for name, (calls, usd) in told["again"].items():
        assert (again[name][0], Decimal(again[name][1])) == (calls, Decimal(usd))
    assert Decimal(answer["spend_usd"]) == Decimal(told["spend"])
