"""The other files of deployment say what the Dockerfile and the documents promise."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
UNIT = REPOSITORY / "deploy" / "systemd" / "nija.service"
#: systemd-analyze calls up to this much "OK": 10 is a service without any restriction.
MOST_EXPOSED = 1.5


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    return found


def test_compose_runs_the_bot_with_nothing_that_it_does_not_need() -> None:
    bot = compose()["services"]["nija"]
    assert bot["read_only"] is True
    assert bot["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in bot["security_opt"]
    assert [volume for volume in bot["volumes"] if not volume.endswith(":ro")] == ["nija-data:/app/data"]
    assert "ports" not in bot
    assert bot["stop_grace_period"] == "60s"


def test_postgresql_is_an_option_and_reached_from_the_machine_only() -> None:
    server = compose()["services"]["postgresql"]
    assert server["profiles"] == ["postgresql"]
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])
    assert server["healthcheck"]["test"][0] == "CMD-SHELL"


@pytest.mark.parametrize("service", ["nija", "postgresql"])
def test_images_of_others_are_pinned(service: str) -> None:
    image = compose()["services"][service]["image"]
    if "build" not in compose()["services"][service]:
        assert image.partition(":")[2].count(".") >= 1, image


def test_railway_builds_the_dockerfile_and_runs_one() -> None:
    found = json.loads((REPOSITORY / "railway.json").read_text())
    assert found["build"] == {"builder": "DOCKERFILE", "dockerfilePath": "Dockerfile"}
    assert found["deploy"]["numReplicas"] == 1
    # Two bots on one key would fight over its nonce.
    assert found["deploy"]["overlapSeconds"] == 0


def test_render_runs_one_worker_that_nobody_reaches() -> None:
    (service,) = yaml.safe_load((REPOSITORY / "render.yaml").read_text())["services"]
    assert (service["type"], service["numInstances"]) == ("worker", 1)
    variables = {one["key"]: one for one in service["envVars"]}
    assert variables["WEB_PORT"]["value"] == "0"
    assert all("value" not in one for name, one in variables.items() if "KEY" in name or "SECRET" in name)
    assert service["disk"]["mountPath"] == "/app/data"


def test_the_unit_is_hardened(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        words = UNIT.read_text()
        assert "NoNewPrivileges=yes" in words
        assert "ProtectSystem=strict" in words
        return
    unit = shutil.copy(UNIT, tmp_path)
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={int(MOST_EXPOSED * 10)}", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout


def test_every_line_of_the_unit_is_known_to_systemd(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        assert "[Service]" in UNIT.read_text()
        return
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/nija/.venv/bin/python", shutil.which("true") or "/bin/true"))
    judged = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert "Unknown" not in judged.stderr, judged.stderr
    assert UNIT.name not in judged.stderr, judged.stderr


def test_railway_takes_the_dockerfile() -> None:
    steps = (REPOSITORY / "Dockerfile").read_text().splitlines()
    assert not [line for line in steps if line.startswith("VOLUME")], "its builder refuses VOLUME"
    assert "RAILWAY_RUN_UID=0" in (REPOSITORY / "docs" / "deploying.md").read_text()
