from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.limiter import DecayingCounter, Pacer
from tests.unit.brokers.clocks import HandClock


def test_calls_fit_until_the_maximum_and_then_wait_for_the_decay() -> None:
    clock = HandClock()
    counter = DecayingCounter(15, 0.33, clock)
    for _ in range(15):
        assert counter.delay() == 0
        counter.take()
    assert counter.delay() == pytest.approx(1 / 0.33)
    assert counter.delay(4) == pytest.approx(4 / 0.33)
    clock.advance(4 / 0.33)
    assert counter.delay(4) == 0


def test_what_decays_below_nothing_is_not_saved_up() -> None:
    clock = HandClock()
    counter = DecayingCounter(2, 1, clock)
    clock.advance(3600)
    counter.take(2)
    assert counter.delay() == pytest.approx(1)


def test_an_exhausted_counter_starts_from_its_maximum() -> None:
    clock = HandClock()
    counter = DecayingCounter(20, 0.5, clock)
    counter.exhaust()
    assert counter.level == 20
    assert counter.delay() == pytest.approx(2)
    clock.advance(40)
    assert counter.level == 0


def test_acquiring_waits_as_long_as_it_must() -> None:
    counter = DecayingCounter(1, 20)
    assert counter.acquire()
    began = time.monotonic()
    assert counter.acquire()
    assert 0.04 <= time.monotonic() - began < 10


def test_acquiring_ends_when_it_is_stopped_and_counts_nothing() -> None:
    counter = DecayingCounter(1, 0.001, HandClock())
    counter.take()
    stop = threading.Event()
    results: list[bool] = []
    waiting = threading.Thread(target=lambda: results.append(counter.acquire(1, stop)))
    waiting.start()
    stop.set()
    waiting.join(30)
    assert results == [False]
    assert counter.level == 1


def test_a_cost_that_never_fits_is_refused() -> None:
    with pytest.raises(ValueError, match="never fits"):
        DecayingCounter(3, 1).acquire(4)


@pytest.mark.parametrize(("maximum", "decay"), [(0, 1), (1, 0), (-1, 1)])
def test_a_limit_that_makes_no_sense_is_refused(maximum: float, decay: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        DecayingCounter(maximum, decay)


def test_many_threads_together_stay_below_the_maximum() -> None:
    counter = DecayingCounter(50, 0.0001, HandClock())
    stop = threading.Event()
    got: list[bool] = []

    def take_some() -> None:
        for _ in range(10):
            if counter.acquire(1, stop):
                got.append(True)

    threads = [threading.Thread(target=take_some) for _ in range(8)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 30
    while len(got) < 50 and time.monotonic() < deadline:
        stop.wait(0.01)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert len(got) == 50
    assert counter.level == 50


@given(st.lists(st.tuples(st.sampled_from([1, 2, 4]), st.floats(0, 20)), max_size=40))
def test_whoever_waits_out_the_delay_never_goes_over_the_venues_own_count(calls: list[tuple[int, float]]) -> None:
    clock = HandClock()
    counter = DecayingCounter(15, 0.33, clock)
    venue, venue_at = 0.0, clock.monotonic_ns()
    for cost, pause in calls:
        clock.advance(pause)
        clock.advance(counter.delay(cost) + 1e-6)
        counter.take(cost)
        now = clock.monotonic_ns()
        venue = max(venue - (now - venue_at) / 1e9 * 0.33, 0) + cost
        venue_at = now
        assert venue <= 15.000001


def test_a_pacer_lets_one_call_go_in_an_interval() -> None:
    clock = HandClock()
    pacer = Pacer(1.0, clock)
    assert pacer.delay() == 0
    pacer.take()
    assert pacer.delay() == pytest.approx(1)
    clock.advance(1)
    assert pacer.delay() == 0
