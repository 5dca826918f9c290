"""A thread is a service: start begins, stop only asks, join waits, and all joins share one deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from bot.runtime.clock import SystemClock
from bot.runtime.service import Service, Ticker, stop_all
from tests.fakes.trace import PATIENCE_S, Trace


class Worker(Service):
    """Runs what it is given, with its stop event."""

    def __init__(self, work: Callable[[threading.Event], object], name: str = "worker") -> None:
        super().__init__(name)
        self._work = work

    def _run(self) -> None:
        self._work(self._stop)


def patient(stop: threading.Event) -> None:
    assert stop.wait(PATIENCE_S)


def test_a_service_lives_from_start_to_stop() -> None:
    worker = Worker(patient)
    assert not worker.alive
    worker.start()
    assert worker.alive
    worker.stop()
    assert worker.join(time.monotonic() + PATIENCE_S)
    assert not worker.alive


def test_a_service_starts_once_only() -> None:
    worker = Worker(patient)
    worker.start()
    with pytest.raises(RuntimeError, match="worker was started before"):
        worker.start()
    worker.stop()
    assert worker.join(time.monotonic() + PATIENCE_S)
    with pytest.raises(RuntimeError):
        worker.start()


def test_a_service_that_never_started_can_be_stopped_and_joined() -> None:
    worker = Worker(patient)
    worker.stop()
    assert worker.join(time.monotonic())


def test_stop_does_not_wait() -> None:
    release = threading.Event()
    worker = Worker(lambda _: release.wait(PATIENCE_S))
    worker.start()
    worker.stop()
    assert worker.alive
    assert not worker.join(time.monotonic() + 0.02)
    assert not worker.join(time.monotonic() - 5), "a deadline in the past is no wait"
    release.set()
    assert worker.join(time.monotonic() + PATIENCE_S)


def test_a_service_that_dies_says_so_and_is_not_alive(caplog: pytest.LogCaptureFixture) -> None:
    def die(_: threading.Event) -> None:
        raise ValueError("the reason")

    worker = Worker(die, "copy engine")
    worker.start()
    assert worker.join(time.monotonic() + PATIENCE_S)
    assert not worker.alive
    assert any("copy engine" in record.getMessage() and record.exc_info for record in caplog.records)


@pytest.mark.parametrize("error", [ValueError, SystemExit, None], ids=["an error", "an exit", "an end unasked"])
def test_a_service_that_died_begins_again(error: type[BaseException] | None) -> None:
    trace = Trace()

    def work(stop: threading.Event) -> None:
        trace.add("begun")
        if trace.count("begun") > 1:
            patient(stop)
        elif error is not None:
            raise error

    worker = Worker(work)
    assert not worker.revive(), "it was never started"
    worker.start()
    trace.wait_until(lambda: worker.died)
    assert worker.revive()
    trace.wait_for("begun", 2)
    assert worker.alive
    assert not worker.died
    assert not worker.revive()
    worker.stop()
    assert worker.join(time.monotonic() + PATIENCE_S)
    assert not worker.died, "it was asked to end"
    assert not worker.revive()


def test_a_ticker_acts_at_once_and_again() -> None:
    trace = Trace()
    ticker = Ticker("balances", lambda: trace.add("tick"), 0.01)
    ticker.start()
    trace.wait_for("tick", 5)
    ticker.stop()
    assert ticker.join(time.monotonic() + PATIENCE_S)
    after = trace.count("tick")
    assert not ticker.alive
    assert trace.count("tick") == after


def test_a_ticker_goes_on_after_an_error() -> None:
    trace = Trace()

    def act() -> None:
        trace.add("tick")
        if trace.count("tick") < 3:
            raise ConnectionError("database is locked")

    ticker = Ticker("kill switch", act, 0.01)
    ticker.start()
    trace.wait_for("tick", 5)
    ticker.stop()
    assert ticker.join(time.monotonic() + PATIENCE_S)


def test_a_ticker_with_a_long_interval_stops_at_once() -> None:
    trace = Trace()
    ticker = Ticker("slow", lambda: trace.add("tick"), 3600)
    ticker.start()
    trace.wait_for("tick")
    begin = time.monotonic()
    ticker.stop()
    assert ticker.join(begin + PATIENCE_S)
    assert time.monotonic() - begin < PATIENCE_S / 2
    assert trace.count("tick") == 1


def test_services_are_stopped_in_the_order_given() -> None:
    trace = Trace()

    def named(name: str) -> Worker:
        class Noting(Worker):
            def stop(self) -> None:
                trace.add(f"stop {name}")
                super().stop()

            def join(self, deadline: float) -> bool:
                trace.add(f"join {name}")
                return super().join(deadline)

        return Noting(patient, name)

    services = [named("engine"), named("lane"), named("ledger")]
    for service in services:
        service.start()
    assert stop_all(iter(services), PATIENCE_S) == []
    assert trace.steps == ["stop engine", "stop lane", "stop ledger", "join engine", "join lane", "join ledger"]


def test_services_that_hang_are_named_and_share_one_deadline() -> None:
    release = threading.Event()
    hanging = [Worker(lambda _: release.wait(PATIENCE_S), f"hanging {number}") for number in range(5)]
    well = Worker(patient, "well")
    services = [hanging[0], well, *hanging[1:]]
    for service in services:
        service.start()
    begin = time.monotonic()
    names = stop_all(services, 1.0)
    assert 1.0 <= time.monotonic() - begin < 4.5, "five services, one deadline"
    assert names == [f"hanging {number}" for number in range(5)]
    release.set()
    for service in hanging:
        assert service.join(time.monotonic() + PATIENCE_S)


def test_the_machines_clock_tells_unix_time_and_a_hand_that_never_steps_back() -> None:
    clock = SystemClock()
    assert abs(clock.time() - time.time()) < 1
    assert abs(clock.time_ns() / 1e9 - time.time()) < 1
    hands = [clock.monotonic_ns() for _ in range(100)]
    assert hands == sorted(hands)
