"""Threads that died are seen within a look and started again; what was asked to end stays ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from bot.runtime.lane import Lane
from bot.runtime.service import Service
from bot.runtime.supervisor import Supervisor
from tests.fakes.trace import PATIENCE_S, Trace


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    made = Supervisor(every_s=0.01)
    made.start()
    yield made
    made.stop()
    assert made.join(time.monotonic() + PATIENCE_S)


@pytest.fixture
def lane() -> Iterator[Lane]:
    made = Lane("anna:kraken")
    made.start()
    yield made
    made.stop()
    assert made.join(time.monotonic() + PATIENCE_S)


class Faulty(Service):
    """Dies as often as it is told to, then works until it is stopped."""

    def __init__(self, deaths: int) -> None:
        super().__init__("copy engine")
        self.deaths = deaths

    def _run(self) -> None:
        if self.deaths:
            self.deaths -= 1
            raise ValueError("a bug")
        assert self._stop.wait(PATIENCE_S)


def dies() -> None:
    raise SystemExit


def test_a_lane_that_dies_does_the_orders_that_come_after(
    supervisor: Supervisor, lane: Lane, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.watch(lane)
    lane.submit(dies)
    assert lane.call(lambda: "alive", PATIENCE_S) == "alive"
    Trace().wait_until(lambda: supervisor.restarts == {"lane anna:kraken": 1})
    Trace().wait_until(lambda: "lane anna:kraken died and was started again" in caplog.messages)


def test_a_service_that_dies_again_and_again_is_started_each_time_and_counted(supervisor: Supervisor) -> None:
    engine = Faulty(deaths=3)
    engine.start()
    supervisor.watch(engine)
    Trace().wait_until(lambda: supervisor.restarts.get("copy engine") == 3)
    assert engine.alive
    engine.stop()
    assert engine.join(time.monotonic() + PATIENCE_S)


def test_what_lives_and_what_was_stopped_are_left_alone(supervisor: Supervisor, lane: Lane) -> None:
    stopped, dead = Lane("bert:kraken"), Lane("carl:kraken")
    for one in (stopped, dead):
        one.start()
    stopped.stop()
    assert stopped.join(time.monotonic() + PATIENCE_S)
    # The dead one comes last: once it lives again, the others were looked at too.
    supervisor.watch(lane, stopped, dead)
    dead.submit(dies)
    Trace().wait_until(lambda: "lane carl:kraken" in supervisor.restarts)
    assert supervisor.restarts == {"lane carl:kraken": 1}
    assert not stopped.alive
    dead.stop()
    assert dead.join(time.monotonic() + PATIENCE_S)


class NoThreadsLeft:
    """Dead, and cannot be started at the first attempts."""

    name = "accounts"

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.died = True

    def revive(self) -> bool:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("can't start new thread")
        self.died = False
        return True


def test_one_that_cannot_be_started_yet_keeps_no_other_from_it_and_is_tried_again(
    supervisor: Supervisor, lane: Lane
) -> None:
    supervisor.watch(NoThreadsLeft(failures=5), lane)
    lane.submit(dies)
    Trace().wait_until(lambda: supervisor.restarts == {"lane anna:kraken": 1, "accounts": 1})


def test_a_supervisor_that_stops_starts_nothing_any_more(lane: Lane) -> None:
    looking, go = threading.Event(), threading.Event()

    class Slow(NoThreadsLeft):
        def revive(self) -> bool:
            looking.set()
            assert go.wait(PATIENCE_S)
            return super().revive()

    supervisor = Supervisor(every_s=0.01)
    supervisor.watch(Slow(failures=0), after := NoThreadsLeft(failures=0))
    supervisor.start()
    assert looking.wait(PATIENCE_S)
    supervisor.stop()
    go.set()
    assert supervisor.join(time.monotonic() + PATIENCE_S)
    assert after.died
