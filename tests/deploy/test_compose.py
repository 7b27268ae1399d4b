from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml


def test_it_follows_the_compose_specification(repository: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"]

    check = subprocess.run(command, cwd=repository / "deploy", capture_output=True, text=True, check=False)

    assert check.returncode == 0, check.stdout + check.stderr


def test_the_schema_check_can_fail(repository: Path, tmp_path: Path) -> None:
    text = (repository / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    (tmp_path / "compose.yaml").write_text(text.replace("read_only: true", "readonly: true"), encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"]

    check = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert check.returncode == 1


def test_it_runs_every_part(services: dict[str, dict[str, Any]]) -> None:
    assert sorted(services) == ["collector", "dashboard", "grafana", "prometheus", "provider", "rag"]


def test_every_container_is_hardened(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_host_offers_ports_on_loopback_only(services: dict[str, dict[str, Any]]) -> None:
    ports = {port for service in services.values() for port in service.get("ports", [])}

    assert ports == {f"127.0.0.1:{port}:{port}" for port in (3000, 4317, 4318, 8501, 8600, 9090)}


def test_every_image_has_a_version(services: dict[str, dict[str, Any]]) -> None:
    assert [s["image"] for s in services.values() if not re.search(r":v?\d+\.\d+\.\d+$", s["image"])] == []


def test_every_container_says_whether_it_is_well(services: dict[str, dict[str, Any]], repository: Path) -> None:
    dockerfile = (repository / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    checked = [stage for stage in dockerfile.split("\nFROM ") if "HEALTHCHECK" in stage]
    built = {stage.splitlines()[0].split()[-1] for stage in checked}

    assert {name for name, service in services.items() if "healthcheck" not in service} == built


def test_every_mounted_file_exists(services: dict[str, dict[str, Any]], repository: Path) -> None:
    mounts = [volume for service in services.values() for volume in service.get("volumes", []) if volume[0] == "."]

    assert len(mounts) == 5
    for mount in mounts:
        source, _, mode = mount.split(":")
        assert (repository / "deploy" / source).exists(), mount
        assert mode == "ro"


def test_every_service_that_is_waited_for_is_there(services: dict[str, dict[str, Any]]) -> None:
    waited = {name for service in services.values() for name in service.get("depends_on", {})}

    assert waited == {"collector", "prometheus", "provider"}
    assert waited < set(services)


def test_grafana_finds_what_is_mounted(services: dict[str, dict[str, Any]], repository: Path) -> None:
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in services["grafana"]["volumes"]}
    provider = yaml.safe_load(
        (repository / "grafana/provisioning/dashboards/spanmeter.yaml").read_text(encoding="utf-8")
    )
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    folder = provider["providers"][0]["options"]["path"]

    assert home.rpartition("/")[0] == folder
    assert (repository / "deploy" / mounted[folder] / home.rpartition("/")[2]).is_file()


def test_a_price_file_can_be_given_to_the_sidecar(services: dict[str, dict[str, Any]]) -> None:
    collector = services["collector"]
    assert collector["environment"]["SPANMETER_PRICES"] == "${SPANMETER_PRICES:-}"
    assert "./prices:/prices:ro" in collector["volumes"]
