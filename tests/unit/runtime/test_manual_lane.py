"""The lane that simulations drive keeps the promises of the real one, in its caller's thread, on a clock of theirs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest

from tests.fakes.clock import SettableClock
from tests.fakes.lane import ManualLane
from tests.fakes.trace import Trace


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def lane(clock: SettableClock) -> ManualLane:
    made = ManualLane("tania:kraken", clock)
    made.start()
    return made


def noting(trace: Trace, step: str) -> Callable[[], None]:
    return lambda: trace.add(step)


def test_nothing_runs_before_it_is_told_to_and_then_orders_go_first(lane: ManualLane) -> None:
    trace = Trace()
    lane.later(noting(trace, "housekeeping"))
    lane.submit(noting(trace, "first"))
    lane.submit(noting(trace, "second"))
    assert trace.steps == []
    assert lane.waiting == 2
    assert lane.run_due() == 3
    assert trace.steps == ["first", "second", "housekeeping"]
    assert lane.run_due() == 0


def test_what_a_job_gives_runs_in_the_same_go(lane: ManualLane) -> None:
    trace = Trace()

    def first() -> None:
        trace.add("first")
        lane.submit(noting(trace, "order"))
        lane.later(noting(trace, "housekeeping"))

    lane.later(first)
    lane.later(noting(trace, "second"))
    lane.run_due()
    assert trace.steps == ["first", "order", "second", "housekeeping"]


def test_later_is_by_the_clock_that_was_given(lane: ManualLane, clock: SettableClock) -> None:
    trace = Trace()
    lane.later(noting(trace, "in 3 s"), 3)
    lane.later(noting(trace, "in 0.1 s"), 0.1)
    lane.later(noting(trace, "never"), math.inf)
    for expected in (["in 0.1 s"], ["in 0.1 s", "in 3 s"]):
        due = lane.next_due_ns()
        assert due is not None
        lane.run_due()
        assert len(trace.steps) == len(expected) - 1
        clock.advance((due - clock.monotonic_ns()) / 1e9 + 1e-9)
        lane.run_due()
        assert trace.steps == expected
    assert lane.next_due_ns() is None


def test_an_order_is_due_now(lane: ManualLane, clock: SettableClock) -> None:
    assert lane.next_due_ns() is None
    lane.later(lambda: None, 5)
    lane.submit(lambda: None)
    assert lane.next_due_ns() == clock.monotonic_ns()


def test_call_runs_after_what_was_submitted_and_not_after_housekeeping(lane: ManualLane) -> None:
    trace = Trace()
    lane.later(noting(trace, "housekeeping"))
    lane.submit(noting(trace, "order"))
    assert lane.call(lambda: trace.add("call") or "answer") == "answer"
    assert trace.steps == ["order", "call"]


def test_call_raises_what_the_function_raised_and_the_lane_goes_on(lane: ManualLane) -> None:
    def fail() -> None:
        raise KeyError("error of the venue")

    with pytest.raises(KeyError):
        lane.call(fail)
    assert lane.call(lambda: 1) == 1


def test_call_from_inside_runs_at_once(lane: ManualLane) -> None:
    trace = Trace()

    def outer() -> None:
        lane.submit(noting(trace, "submitted"))
        lane.call(noting(trace, "inner"))
        trace.add("outer")

    lane.call(outer)
    lane.run_due()
    assert trace.steps == ["inner", "outer", "submitted"]


def test_a_failing_job_ends_nothing_and_one_that_ends_the_process_reaches_the_caller(lane: ManualLane) -> None:
    trace = Trace()

    def fail() -> None:
        raise ValueError

    def die() -> None:
        raise SystemExit

    lane.submit(fail)
    lane.submit(die)
    lane.submit(noting(trace, "order"))
    with pytest.raises(SystemExit):
        lane.run_due()
    lane.run_due()
    assert trace.steps == ["order"]


def test_a_lent_lane_does_nothing_until_it_is_given_back_and_begins_with_that(lane: ManualLane) -> None:
    trace = Trace()
    assert lane.borrow()
    assert not lane.borrow()
    lane.submit(noting(trace, "order"))
    assert lane.run_due() == 0
    assert lane.next_due_ns() is None
    with pytest.raises(TimeoutError):
        lane.call(lambda: None)
    lane.give_back(noting(trace, "given back"))
    lane.run_due()
    assert trace.steps == ["given back", "order"]


def test_a_lane_with_work_is_not_lent(lane: ManualLane) -> None:
    seen: list[bool] = []
    lane.submit(lambda: seen.append(lane.borrow()))
    assert not lane.borrow()
    lane.run_due()
    assert seen == [False]
    assert lane.borrow()


def test_it_stops_after_its_orders_and_without_its_housekeeping(lane: ManualLane) -> None:
    trace = Trace()
    lane.submit(noting(trace, "order"))
    lane.later(noting(trace, "housekeeping"))
    lane.stop()
    assert lane.alive
    assert not lane.borrow()
    assert lane.join(time.monotonic())
    assert not lane.alive
    assert trace.steps == ["order"]
    assert not lane.offer(lambda: None)
    with pytest.raises(TimeoutError, match="ended"):
        lane.call(lambda: None)
    assert lane.run_due() == 0


def test_jobs_given_before_the_start_run_after_it(clock: SettableClock) -> None:
    lane, trace = ManualLane("tania:kraken", clock), Trace()
    lane.submit(noting(trace, "early"))
    assert lane.run_due() == 0
    lane.start()
    assert lane.run_due() == 1
    assert not lane.died
    assert not lane.revive()
