"""The machine's time, and one that runs faster."""

from __future__ import annotations

import threading
import time

import pytest

from bot.runtime.clock import FastClock, SystemClock
from tests.fakes.clock import NOW, SettableClock


class TestFast:
    def test_it_begins_with_its_base_and_runs_ahead(self) -> None:
        base = SettableClock(NOW)
        clock = FastClock(base, NOW, 900.0)
        began = clock.monotonic_ns()
        assert clock.time() == pytest.approx(NOW)

        base.advance(2.0)

        assert clock.time() == pytest.approx(NOW + 1_800.0)
        assert clock.time_ns() / 1e9 == pytest.approx(NOW + 1_800.0)
        assert (clock.monotonic_ns() - began) / 1e9 == pytest.approx(1_800.0)

    def test_a_moment_of_its_base(self) -> None:
        clock = FastClock(SettableClock(NOW), NOW, 60.0)

        assert clock.of_machine(NOW + 10) == pytest.approx(NOW + 600)
        assert clock.of_machine(NOW - 1) == pytest.approx(NOW - 60)

    def test_waiting_is_as_much_shorter(self) -> None:
        clock = FastClock(SystemClock(), time.time(), 1_000.0)
        began = time.monotonic()

        assert not clock.wait(threading.Event(), 50.0)

        assert 0.04 <= time.monotonic() - began < 5.0

    @pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
    def test_no_speed_that_is_none(self, speed: float) -> None:
        with pytest.raises(ValueError, match="speed"):
            FastClock(SettableClock(), NOW, speed)


class TestSystem:
    def test_a_stop_ends_a_wait(self) -> None:
        stop = threading.Event()
        stop.set()

        assert SystemClock().wait(stop, 60.0)

    def test_its_moments_are_the_machines(self) -> None:
        assert SystemClock().of_machine(NOW) == NOW
