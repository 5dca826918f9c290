"""When an account is left alone: after failures in a row, for longer each time; and as long as its venue says."""

from __future__ import annotations

import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bot.brokers.breaker import CircuitBreaker
from tests.fakes.clock import SettableClock

#: Clocks count in nanoseconds.
NEARLY = 1e-6


def opened(breaker: CircuitBreaker, failures: int = 5) -> None:
    assert [breaker.failed("EService:Unavailable") for _ in range(failures)] == [False] * (failures - 1) + [True]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def breaker(clock: SettableClock) -> CircuitBreaker:
    return CircuitBreaker(clock)


def test_a_few_failures_are_no_reason_to_wait(breaker: CircuitBreaker) -> None:
    assert not any(breaker.failed("timeout") for _ in range(4))
    assert breaker.paused_s == 0.0
    assert breaker.reason == ""


def test_five_failures_in_a_row_open_it_with_the_last_reason(breaker: CircuitBreaker) -> None:
    for _ in range(4):
        breaker.failed("EService:Busy")
    assert breaker.failed("timeout")
    assert breaker.paused_s == pytest.approx(30)
    assert breaker.reason == "timeout"


def test_a_success_in_between_begins_the_count_again(breaker: CircuitBreaker) -> None:
    for _ in range(4):
        breaker.failed("timeout")
    assert not breaker.succeeded(), "there was no pause"
    assert not any(breaker.failed("timeout") for _ in range(4))


def test_after_the_pause_the_next_failure_opens_it_at_once_for_twice_as_long_up_to_the_longest(
    breaker: CircuitBreaker, clock: SettableClock
) -> None:
    opened(breaker)
    for expected in (60, 120, 240, 300, 300):
        clock.advance(breaker.paused_s)
        assert breaker.paused_s == 0.0
        assert breaker.reason == ""
        assert breaker.failed("timeout")
        assert breaker.paused_s == pytest.approx(expected)


def test_a_venue_that_is_gone_for_weeks_is_no_trouble_for_the_sum(
    breaker: CircuitBreaker, clock: SettableClock
) -> None:
    opened(breaker)
    for _ in range(5000):
        clock.advance(300)
        assert breaker.failed("timeout")
    assert breaker.paused_s == pytest.approx(300)


def test_failures_of_calls_that_were_on_their_way_do_not_lengthen_the_pause(
    breaker: CircuitBreaker, clock: SettableClock
) -> None:
    opened(breaker)
    clock.advance(10)
    assert not any(breaker.failed("late answer") for _ in range(20))
    assert breaker.paused_s == pytest.approx(20)
    assert breaker.reason == "EService:Unavailable"


def test_a_success_after_the_pause_closes_it_and_forgets_how_often_it_opened(
    breaker: CircuitBreaker, clock: SettableClock
) -> None:
    opened(breaker)
    clock.advance(30)
    breaker.failed("timeout")
    clock.advance(60)
    assert breaker.succeeded()
    assert not breaker.succeeded(), "it is told once"
    opened(breaker)
    assert breaker.paused_s == pytest.approx(30)


def test_a_success_in_the_pause_ends_it(breaker: CircuitBreaker) -> None:
    opened(breaker)
    assert breaker.succeeded()
    assert breaker.paused_s == 0.0


def test_what_the_venue_said_is_waited_for_and_not_shortened(breaker: CircuitBreaker, clock: SettableClock) -> None:
    breaker.pause("EGeneral:Temporary lockout", 900)
    breaker.pause("EAPI:Rate limit exceeded", 15)
    assert breaker.paused_s == pytest.approx(900)
    assert breaker.reason == "EGeneral:Temporary lockout"
    clock.advance(899)
    breaker.pause("EAPI:Rate limit exceeded", 15)
    assert breaker.paused_s == pytest.approx(15)
    assert breaker.reason == "EAPI:Rate limit exceeded"


def test_a_balance_that_is_had_while_orders_are_refused_for_their_rate_does_not_end_the_wait(
    breaker: CircuitBreaker, clock: SettableClock
) -> None:
    breaker.pause("EOrder:Rate limit exceeded", 20)
    assert not breaker.succeeded()
    assert breaker.paused_s == pytest.approx(20)
    clock.advance(20)
    assert breaker.succeeded(), "now the pause is over, and it is told"
    assert not breaker.succeeded()


@pytest.mark.parametrize("seconds", [0, -5, math.nan])
def test_a_wait_of_no_time_is_none(breaker: CircuitBreaker, seconds: float) -> None:
    breaker.pause("EAPI:Rate limit exceeded", seconds)
    assert breaker.paused_s == 0.0
    assert breaker.reason == ""


def test_the_operator_ends_every_pause_at_once(breaker: CircuitBreaker) -> None:
    opened(breaker)
    breaker.pause("EGeneral:Temporary lockout", math.inf)
    breaker.resume()
    assert breaker.paused_s == 0.0
    assert breaker.reason == ""
    assert not breaker.failed("timeout"), "the failures before are forgotten"


def test_a_clock_that_was_set_back_moves_no_pause(breaker: CircuitBreaker, clock: SettableClock) -> None:
    opened(breaker)
    clock.advance(-3600)
    assert breaker.paused_s == pytest.approx(30)


def test_of_many_threads_that_fail_together_one_opens_it(breaker: CircuitBreaker) -> None:
    opens: list[bool] = []
    ready = threading.Barrier(8)

    def fail() -> None:
        ready.wait()
        opens.extend(breaker.failed("timeout") for _ in range(200))

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opens.count(True) == 1


@given(
    failures=st.integers(1, 10),
    first=st.floats(0.5, 100),
    factor=st.floats(1, 50),
    openings=st.integers(1, 12),
)
def test_pauses_double_and_never_pass_the_longest(failures: int, first: float, factor: float, openings: int) -> None:
    clock = SettableClock()
    breaker = CircuitBreaker(clock, failures, first, first * factor)
    opened(breaker, failures)
    for number in range(openings):
        assert breaker.paused_s == pytest.approx(min(first * 2**number, first * factor), rel=1e-6)
        clock.advance(breaker.paused_s + NEARLY)
        assert breaker.failed("timeout")


class AnyWay(RuleBasedStateMachine):
    """Whatever happens in whatever order: no pause is too long, none is cut short, and every one ends."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = SettableClock()
        self.breaker = CircuitBreaker(self.clock, 3, 10.0, 60.0)
        self.told_until = 0.0
        self.in_a_row = 0

    def now(self) -> float:
        return self.clock.monotonic_ns() / 1e9

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def fails(self) -> None:
        paused, told = self.breaker.paused_s, max(0.0, self.told_until - self.now())
        self.in_a_row += 1
        opens = self.breaker.failed("timeout")
        if opens:
            assert self.in_a_row >= 3
            assert 10 - NEARLY <= self.breaker.paused_s <= max(60.0, told) + NEARLY
        else:
            assert self.in_a_row < 3 or paused > 0
            assert self.breaker.paused_s == pytest.approx(paused, abs=NEARLY)

    @rule()
    def succeeds(self) -> None:
        self.in_a_row = 0
        self.breaker.succeeded()
        assert self.breaker.paused_s == pytest.approx(max(0.0, self.told_until - self.now()), abs=NEARLY)

    @rule(seconds=st.floats(-10, 1000))
    def the_venue_says_wait(self, seconds: float) -> None:
        self.breaker.pause("lockout", seconds)
        self.told_until = max(self.told_until, self.now() + seconds)

    @rule()
    def the_operator_resumes(self) -> None:
        self.breaker.resume()
        self.told_until, self.in_a_row = 0.0, 0
        assert self.breaker.paused_s == 0.0

    @invariant()
    def the_venues_word_stands(self) -> None:
        assert self.breaker.paused_s >= self.told_until - self.now() - NEARLY

    @invariant()
    def there_is_a_reason_exactly_while_it_waits(self) -> None:
        assert bool(self.breaker.reason) == (self.breaker.paused_s > 0)


TestAnyWay = AnyWay.TestCase
