"""The Dockerfile, carried out in a clean Debian: installs, runs as nobody in particular, writes only where it may."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment.image import Stage, build, unmount

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 60.0
#: What the base image brings, and nothing of what the bot needs.
BASE_PACKAGES = "python3,python3-venv,ca-certificates"

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if os.environ.get("CI") != "true" and (os.geteuid() != 0 or shutil.which("debootstrap") is None):
        pytest.skip("needs root and debootstrap (Debian, Ubuntu: apt install debootstrap)")
    work = tmp_path_factory.mktemp("image")
    base = work / "base"
    made = subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", "bookworm", str(base)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout[-2000:]
    _reach_the_network(base)
    try:
        yield build(REPOSITORY / "Dockerfile", base, work)
    finally:
        for root in work.iterdir():
            unmount(root)
        shutil.rmtree(work, ignore_errors=True)


def _reach_the_network(base: Path) -> None:
    # As an engine does for its builds; and a package index of one's own, where the machine has one.
    certificates = os.environ.get("PIP_CERT", "/etc/ssl/certs/ca-certificates.crt")
    for name in ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", certificates):
        if Path(name).is_file():
            shutil.copyfile(name, base / name.lstrip("/"))


def bot(image: Stage, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return image.run(*image.command, *arguments, **variables)


def test_it_trades_on_its_own_exchange_as_its_own_user(image: Stage) -> None:
    done = bot(image, "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "agree" in done.stdout


def test_without_keys_it_says_what_is_missing(image: Stage) -> None:
    done = bot(image)
    assert done.returncode == 2
    assert "KRAKEN_MASTER_API_KEY" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_of_the_image_can_be_written_but_its_volume(image: Stage) -> None:
    tried = image.run("sh", "-c", "find / -xdev -writable -not -type l -not -path '/proc/*' -not -path '/dev/*'")
    writable = {Path(line) for line in tried.stdout.splitlines()}
    allowed = {Path(name) for name in ("/app/data", "/tmp", "/var/tmp", "/run/lock")}
    assert {path for path in writable if not any(path == one or one in path.parents for one in allowed)} == set()
    assert Path("/app/data") in writable


def test_it_holds_neither_secrets_nor_history(image: Stage) -> None:
    app = image.place("/app")
    assert {path.name for path in app.iterdir()} <= {
        *(".venv", "bot", "bot.py", "config", "data", "migrations", "paper_exchange", "requirements.txt", "start.sh"),
        *("verify_kraken_trading_enabled.py", "verify_kraken_signal_emission.py"),
    }
    assert not [path for path in app.glob("**/.env*") if ".venv" not in path.parts]


def test_its_health_check_is_red_without_a_bot_and_green_with_one(image: Stage) -> None:
    assert image.run(*image.health).returncode == 1

    run = subprocess.Popen(
        image.words(*image.command, "paper", "--users", "2"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while image.run(*image.health, NIJA_DATA_DIR=_data_folder_of(image)).returncode != 0:
            assert run.poll() is None, run.stdout.read() if run.stdout else ""
            assert time.monotonic() < deadline
            time.sleep(0.5)
    finally:
        os.killpg(run.pid, signal.SIGTERM)
        run.communicate(timeout=PATIENCE_S)


def _data_folder_of(image: Stage) -> str:
    # The paper bot works in a folder of its own, below the temporary one.
    found = sorted(image.place("/tmp").glob("**/heartbeat.json"))
    return "/" + str(found[-1].parent.relative_to(image.root)) if found else "/app/data"
