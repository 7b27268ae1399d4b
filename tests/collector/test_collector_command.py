from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_a_wrong_price_file_stops_the_start_with_all_that_is_wrong(tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('[[alias]]\nprovider = "openai"\nmodel = "m"\nto_model = 1\n[[x]]\n')
    settings = {"SPANMETER_PRICES": str(prices), "SPANMETER_DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "-m", "spanmeter_collector", "collector"]
    ended = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr.splitlines()) == (
        2,
        "",
        [
            f"{prices}:4: key 'to_model': it is 1; allowed: a text in quotes",
            f"{prices}:5: key 'x': there is no such table; allowed: [[price]], [[discount]], [[alias]]",
        ],
    )
    assert not (tmp_path / "data").exists()
