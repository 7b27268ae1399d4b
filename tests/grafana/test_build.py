from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


def test_the_committed_json_is_what_the_code_says(grafana: Path) -> None:
    check = subprocess.run(
        [sys.executable, grafana / "build.py", "--check"], capture_output=True, text=True, check=False
    )

    assert (check.returncode, check.stderr) == (0, "")


def test_check_says_how_to_mend_a_difference(grafana: Path, tmp_path: Path) -> None:
    for source in grafana.glob("*.py"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / "dashboards").mkdir()
    committed = tmp_path / "dashboards" / "overview.json"
    committed.write_text("{}\n", encoding="utf-8")

    check = subprocess.run(
        [sys.executable, tmp_path / "build.py", "--check"], capture_output=True, text=True, check=False
    )

    assert check.returncode == 1
    assert check.stderr == f"{committed} is not what the code says; run: python grafana/build.py\n"


def test_the_model_survives_a_round_trip_through_the_sdk(dashboard: dict[str, Any]) -> None:
    assert json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard))) == dashboard
