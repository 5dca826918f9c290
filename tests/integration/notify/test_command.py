"""``python bot.py notify`` and ``notify test``, as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.domain.events import EventKind
from tests.integration.notify.servers import hooks

REPOSITORY = Path(__file__).resolve().parents[3]
CANARY = "cAnArYt0kEn98765"
#: Not through bot.py: the command has to work by itself.
PROGRAM = "import sys; from bot.cli import notify; notify.app(sys.argv[1:])"


def notify(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {"PYTHONPATH": str(REPOSITORY), "NIJA_USERS_DIR": str(folder), **variables}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_it_lists_the_events_and_the_channels_without_their_tokens(tmp_path: Path) -> None:
    urls = (
        f"tgram://123456789:{CANARY}aaaaaaaaaaaaaaaaaaa/-1001234567 json://nia:{CANARY}@h.example.com/{CANARY} {CANARY}"
    )
    shown = notify(tmp_path, NOTIFY_URLS=urls, NOTIFY_EVENTS="drift,kill_switch")
    assert shown.returncode == 0, shown.stderr
    assert CANARY not in shown.stdout + shown.stderr
    assert "123456789" not in shown.stdout + shown.stderr
    told = {words[0]: words[1] for line in shown.stdout.splitlines() if len(words := line.split()) > 2}
    assert [kind for kind in EventKind if told[kind] == "yes"] == [EventKind.DRIFT, EventKind.KILL_SWITCH]
    assert "channel 1 (tgram://)" in shown.stdout
    assert "h.example.com" in shown.stdout
    assert "channel 3 (no scheme://)" in shown.stdout


def test_it_lists_for_scripts(tmp_path: Path) -> None:
    shown = notify(tmp_path, "--json", NOTIFY_URLS=f"json://h.example.com/{CANARY}")
    found = json.loads(shown.stdout)
    assert found["events"] == dict.fromkeys(EventKind, True)
    assert found["channels"] == [
        {"channel": "channel 1 (json://)", "service": "JSON, h.example.com", "usable": True, "targets": 1}
    ]


@pytest.mark.parametrize(("mode", "code"), [("accept", 0), ("refuse", 1)])
def test_the_test_message_goes_to_every_channel_and_each_is_answered_for(tmp_path: Path, mode: str, code: int) -> None:
    with hooks() as first, hooks() as second:
        second.mode = mode
        urls = " ".join(f"json://{one.address}/{CANARY}" for one in (first, second))
        ended = notify(tmp_path, "test", NOTIFY_URLS=urls)
        assert (first.titles, second.titles) == (["🔔 NIJA: test"], ["🔔 NIJA: test"] if code == 0 else [])
    assert ended.returncode == code, ended.stderr
    second_line = (
        "✅ channel 2 (json://): sent" if code == 0 else "❌ channel 2 (json://): the service answered HTTP 401"
    )
    assert ended.stdout.splitlines() == ["✅ channel 1 (json://): sent", second_line]
    assert CANARY not in ended.stdout + ended.stderr


def test_without_a_channel_there_is_nothing_to_test(tmp_path: Path) -> None:
    ended = notify(tmp_path, "test")
    assert ended.returncode == 2
    assert "NOTIFY_URLS" in ended.stderr
