"""The process: how it starts, what it says, how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from tests.paper_exchange.client import REPOSITORY, Trader, running

COMMAND = [sys.executable, "-m", "paper_exchange"]


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=120, cwd=REPOSITORY, check=False
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_when_asked_even_with_calls_in_flight(number: signal.Signals) -> None:
    with running("--latency-ms", "30000") as paper:
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{paper.kraken_url}/0/public/Time", timeout=(30, 0.1))
        started = time.monotonic()
        paper.process.send_signal(number)

        assert paper.process.wait(timeout=30) == 0
        assert time.monotonic() - started < 20
        assert paper.process.stdout is not None
        assert paper.process.stdout.read() == ""


def test_it_says_one_line_of_json() -> None:
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--control-port", "0"], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    process.terminate()

    assert process.wait(timeout=30) == 0
    assert ready["ready"] is True
    assert {"kraken_url", "coinbase_url", "control_url"} <= set(ready)
    ports = [ready[name].rpartition(":")[2] for name in ready if name != "ready" and not name.endswith("_ws_url")]
    assert len(set(ports)) == len(ports)
    assert process.stdout.read() == ""


def test_it_ends_with_its_parent() -> None:
    script = (
        "import subprocess, sys, os\n"
        "command = [sys.executable, '-m', 'paper_exchange', '--port', '0', '--control-port', '0']\n"
        "child = subprocess.Popen([*command, '--parent-pid', str(os.getpid())], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, timeout=120, check=True, cwd=REPOSITORY
    )
    pid = int(parent.stdout)

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and is_running(pid):
        time.sleep(0.02)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # an orphan that nobody has waited for yet is over all the same
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_every_venue_has_the_port_that_was_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with running("--coinbase-port", str(port)) as paper:
        assert paper.coinbase_url == f"http://127.0.0.1:{port}"
        assert requests.get(f"{paper.coinbase_url}/api/v3/brokerage/time", timeout=30).status_code == 200


def test_accounts_of_several_venues_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    path.write_text(json.dumps([{"name": "one"}, {"name": "two", "venue": "coinbase", "balances": {"USD": "5"}}]))

    with running("--accounts", str(path)) as paper:
        assert [(row["name"], row["venue"]) for row in paper.get("/accounts")] == [
            ("one", "kraken"),
            ("two", "coinbase"),
        ]


def test_accounts_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    path.write_text(
        json.dumps([{"name": "master", "balances": {"USD": "10"}, "api_key": "K", "api_secret": "c2VjcmV0"}])
    )

    with running("--accounts", str(path)) as paper:
        assert Trader(paper, "master", "K", "c2VjcmV0").result("Balance") == {"ZUSD": "10.0000"}


def test_latency_from_the_command_line() -> None:
    with running("--latency-ms", "120") as paper:
        started = time.monotonic()
        paper.public("Time")
        assert time.monotonic() - started >= 0.12


def test_help_teaches() -> None:
    shown = start("--help").stdout

    for word in (
        "--port",
        "--coinbase-port",
        "--alpaca-port",
        "--control-port",
        "--seed",
        "--latency-ms",
        "--accounts",
        "--prices",
        "--host",
        "--parent-pid",
    ):
        assert word in shown
    assert "POST /accounts" in shown


@pytest.mark.parametrize(
    "arguments", [("--prices", "no-such-file.csv"), ("--port", "70000"), ("--accounts", "pyproject.toml")]
)
def test_what_cannot_start_says_why_in_a_line(arguments: tuple[str, ...]) -> None:
    ended = start("--port", "0", "--control-port", "0", *arguments)

    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


@pytest.mark.slow
def test_it_takes_two_thousand_signed_orders_a_second() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "paper_exchange.bench", "--orders", "3000"],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=REPOSITORY,
        check=True,
    )
    measured = json.loads(ended.stdout)
    assert measured["orders"] == 3000
    # Other tests run beside it: what counts is what it does with the time that it gets.
    assert measured["orders_per_processor_second"] > 2000, measured
