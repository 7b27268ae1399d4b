from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.mark.prometheus
def test_prometheus_accepts_its_configuration_with_the_rules(repository: Path, tmp_path: Path) -> None:
    shutil.copy(repository / "deploy" / "prometheus" / "prometheus.yaml", tmp_path)
    shutil.copytree(repository / "grafana" / "rules", tmp_path / "rules")

    check = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yaml"], capture_output=True, text=True, check=False
    )

    assert check.returncode == 0, check.stderr
    assert "2 rule files found" in check.stdout


def test_it_scrapes_services_of_the_compose_file(repository: Path, services: dict[str, dict[str, Any]]) -> None:
    text = (repository / "deploy" / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8")
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in yaml.safe_load(text)["scrape_configs"]}

    assert jobs == {"spanmeter": ["collector:4318"], "rag": ["rag:8600"], "prometheus": ["localhost:9090"]}
    assert "127.0.0.1:4318:4318" in services["collector"]["ports"]
    assert "127.0.0.1:8600:8600" in services["rag"]["ports"]
