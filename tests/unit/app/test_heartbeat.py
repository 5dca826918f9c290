"""What a health check from outside reads."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.app.heartbeat import HeartbeatFile, read_heartbeat
from bot.reporting.live import EngineState, SystemState
from bot.runtime.clock import SystemClock
from tests.paper_exchange.client import eventually

WELL = SystemState(
    started_at=0.0,
    engine=EngineState(alive=True, observing=False, heartbeat_age_s=0.5, waiting=0),
    stopped=None,
    ledger_error="",
    restarts={},
    accounts=(),
)


@dataclass
class Live:
    now: SystemState = field(default_factory=lambda: WELL)

    def state(self) -> SystemState:
        return self.now


@pytest.fixture
def live() -> Live:
    return Live()


@pytest.fixture
def beat(tmp_path: Path, live: Live) -> Iterator[Callable[[Path], HeartbeatFile]]:
    running: list[HeartbeatFile] = []

    def start(folder: Path) -> HeartbeatFile:
        one = HeartbeatFile(folder, live, SystemClock())
        one.start()
        running.append(one)
        return one

    yield start
    for one in running:
        one.stop()
        assert one.join(time.monotonic() + 30)


def test_it_says_that_all_is_well_and_when(tmp_path: Path, beat: Callable[[Path], HeartbeatFile]) -> None:
    beat(tmp_path)
    eventually(lambda: read_heartbeat(tmp_path))
    found = read_heartbeat(tmp_path)
    assert found is not None
    assert found.reason == ""
    assert abs(found.at - time.time()) < 5


@pytest.mark.parametrize(
    ("trouble", "word"),
    [
        (replace(WELL, engine=replace(WELL.engine, alive=False)), "engine"),
        (replace(WELL, engine=replace(WELL.engine, heartbeat_age_s=11.0)), "heartbeat"),
        (replace(WELL, ledger_error="disk is full"), "ledger"),
    ],
    ids=["engine dead", "engine hangs", "ledger"],
)
def test_it_says_what_is_wrong(
    tmp_path: Path, live: Live, beat: Callable[[Path], HeartbeatFile], trouble: SystemState, word: str
) -> None:
    live.now = trouble
    beat(tmp_path)
    eventually(lambda: (found := read_heartbeat(tmp_path)) and word in found.reason)


def test_a_folder_that_cannot_be_written_is_said_once_and_ends_nothing(
    tmp_path: Path, beat: Callable[[Path], HeartbeatFile], caplog: pytest.LogCaptureFixture
) -> None:
    one = beat(tmp_path / "missing")
    eventually(lambda: "cannot be written" in caplog.text)
    assert one.alive
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"at": "x", "reason": ""}'])
def test_what_cannot_be_read_is_no_sign_of_life(tmp_path: Path, text: str) -> None:
    (tmp_path / "heartbeat.json").write_text(text)
    assert read_heartbeat(tmp_path) is None


def test_no_file_is_no_sign_of_life(tmp_path: Path) -> None:
    assert read_heartbeat(tmp_path) is None
