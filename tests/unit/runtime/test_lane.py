"""The thread that owns one account: order is kept, orders go first, and nothing that fails in it ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from bot.runtime.lane import Lane
from tests.fakes.trace import PATIENCE_S, Trace


@pytest.fixture
def lane() -> Iterator[Lane]:
    made = Lane("tania:kraken")
    yield made
    made.stop()
    assert made.join(time.monotonic() + PATIENCE_S)


def held(lane: Lane) -> threading.Event:
    """Keeps the lane busy until the event is set, so that a test can queue up behind it."""
    go, busy = threading.Event(), threading.Event()

    def wait() -> None:
        busy.set()
        assert go.wait(PATIENCE_S)

    lane.submit(wait)
    if lane.alive:
        assert busy.wait(PATIENCE_S)
    return go


def noting(trace: Trace, step: str) -> Callable[[], None]:
    return lambda: trace.add(step)


def test_jobs_run_one_at_a_time_in_the_order_they_came(lane: Lane) -> None:
    lane.start()
    trace = Trace()
    running: list[int] = []

    def job(number: int) -> Callable[[], None]:
        def run() -> None:
            running.append(number)
            assert running == [number], "two jobs at once"
            trace.add(str(number))
            running.remove(number)

        return run

    for number in range(500):
        lane.submit(job(number))
    lane.call(lambda: None, PATIENCE_S)
    assert trace.steps == [str(number) for number in range(500)]


def test_jobs_of_many_threads_all_run_and_each_threads_order_is_kept(lane: Lane) -> None:
    lane.start()
    done: list[tuple[int, int]] = []

    def submit(thread: int) -> None:
        for number in range(100):
            lane.submit(lambda number=number: done.append((thread, number)))  # type: ignore[misc]

    threads = [threading.Thread(target=submit, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    lane.call(lambda: None, PATIENCE_S)
    for thread in range(8):
        assert [number for who, number in done if who == thread] == list(range(100))


def test_orders_go_before_housekeeping_that_is_due(lane: Lane) -> None:
    lane.start()
    trace = Trace()
    go = held(lane)
    lane.later(noting(trace, "housekeeping"))
    lane.submit(noting(trace, "first order"))
    lane.submit(noting(trace, "second order"))
    assert lane.waiting == 2
    go.set()
    trace.wait_for("housekeeping")
    assert trace.steps == ["first order", "second order", "housekeeping"]


def test_an_order_that_comes_between_two_housekeeping_jobs_runs_between_them(lane: Lane) -> None:
    lane.start()
    trace = Trace()
    go = held(lane)

    def first() -> None:
        trace.add("housekeeping 1")
        lane.submit(noting(trace, "order"))

    lane.later(first)
    lane.later(noting(trace, "housekeeping 2"))
    go.set()
    trace.wait_for("housekeeping 2")
    assert trace.steps == ["housekeeping 1", "order", "housekeeping 2"]


def test_housekeeping_runs_when_it_is_due_and_in_the_order_it_is_due(lane: Lane) -> None:
    lane.start()
    trace = Trace()
    begin = time.monotonic()
    go = held(lane)
    lane.later(noting(trace, "later"), 0.15)
    lane.later(noting(trace, "sooner"), 0.05)
    for number in range(3):
        lane.later(noting(trace, f"now {number}"))
    go.set()
    trace.wait_for("later")
    assert time.monotonic() - begin >= 0.15
    assert trace.steps == ["now 0", "now 1", "now 2", "sooner", "later"]


def test_a_job_that_is_due_sooner_than_the_one_waited_for_wakes_the_lane(lane: Lane) -> None:
    lane.start()
    trace = Trace()
    lane.later(noting(trace, "in an hour"), 3600)
    lane.later(noting(trace, "soon"), 0.02)
    lane.submit(noting(trace, "now"))
    trace.wait_for("soon")
    assert trace.steps == ["now", "soon"]


@pytest.mark.parametrize("delay", [float("inf"), 1e12])
def test_housekeeping_that_is_never_due_does_not_end_the_lane(lane: Lane, delay: float) -> None:
    lane.start()
    lane.later(lambda: None, delay)
    assert lane.call(lambda: "alive", PATIENCE_S) == "alive"


@pytest.mark.parametrize("error", [ValueError("x"), OSError("x"), MemoryError(), AssertionError(), StopIteration()])
def test_a_failing_job_does_not_end_the_lane(lane: Lane, error: Exception) -> None:
    lane.start()
    trace = Trace()

    def fail() -> None:
        raise error

    lane.submit(fail)
    lane.later(fail)
    lane.submit(noting(trace, "order"))
    lane.later(noting(trace, "housekeeping"), 0.01)
    trace.wait_for("housekeeping")
    assert trace.steps == ["order", "housekeeping"]
    assert lane.alive


def test_call_returns_what_the_function_returned_in_the_lane(lane: Lane) -> None:
    lane.start()
    name = lane.call(lambda: threading.current_thread().name, PATIENCE_S)
    assert "tania:kraken" in name
    assert name != threading.current_thread().name


def test_call_raises_what_the_function_raised(lane: Lane) -> None:
    lane.start()

    def fail() -> None:
        raise KeyError("error of the venue")

    with pytest.raises(KeyError, match="error of the venue"):
        lane.call(fail, PATIENCE_S)
    assert lane.call(lambda: 1, PATIENCE_S) == 1


def test_call_from_inside_runs_at_once_instead_of_waiting_for_itself(lane: Lane) -> None:
    lane.start()
    trace = Trace()

    def outer() -> str:
        lane.submit(noting(trace, "submitted"))
        inner = lane.call(lambda: trace.add("inner") or "inner", PATIENCE_S)
        trace.add("outer")
        return inner

    assert lane.call(outer, PATIENCE_S) == "inner"
    trace.wait_for("submitted")
    assert trace.steps == ["inner", "outer", "submitted"]


def test_call_waits_its_turn_behind_the_orders_before_it(lane: Lane) -> None:
    lane.start()
    trace = Trace()
    for number in range(20):
        lane.submit(noting(trace, str(number)))
    lane.call(noting(trace, "call"), PATIENCE_S)
    assert trace.steps[-1] == "call"
    assert len(trace.steps) == 21


def test_call_gives_up_in_time_and_the_lane_goes_on(lane: Lane) -> None:
    lane.start()
    go = held(lane)
    ran = threading.Event()
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        lane.call(ran.set, 0.05)
    assert time.monotonic() - begin < PATIENCE_S / 2
    assert not ran.is_set()
    go.set()
    assert ran.wait(PATIENCE_S), "a call that was given up may still run"


def test_stop_asks_only_and_the_orders_that_are_there_are_done(lane: Lane) -> None:
    lane.start()
    trace = Trace()
    go = held(lane)
    for number in range(10):
        lane.submit(noting(trace, str(number)))
    lane.later(noting(trace, "housekeeping"))
    lane.stop()
    assert lane.alive
    assert lane.stopping.is_set()
    go.set()
    assert lane.join(time.monotonic() + PATIENCE_S)
    assert trace.steps == [str(number) for number in range(10)]
    assert not lane.alive


def test_an_order_that_an_order_gives_while_the_lane_stops_is_done_too(lane: Lane) -> None:
    lane.start()
    trace = Trace()
    go = held(lane)
    lane.submit(lambda: lane.submit(noting(trace, "the second")) and None)
    lane.stop()
    go.set()
    assert lane.join(time.monotonic() + PATIENCE_S)
    assert trace.steps == ["the second"]


def test_a_lane_that_waits_for_housekeeping_stops_at_once(lane: Lane) -> None:
    lane.start()
    lane.later(lambda: None, 3600)
    begin = time.monotonic()
    lane.stop()
    assert lane.join(begin + PATIENCE_S)
    assert time.monotonic() - begin < PATIENCE_S / 2


def test_join_does_not_wait_longer_than_its_deadline_for_a_job_that_hangs(lane: Lane) -> None:
    lane.start()
    go = held(lane)
    lane.stop()
    begin = time.monotonic()
    assert not lane.join(begin + 0.05)
    assert time.monotonic() - begin < PATIENCE_S / 2
    go.set()
    assert lane.join(time.monotonic() + PATIENCE_S)


def test_a_job_that_waits_in_the_lane_can_see_that_it_ends(lane: Lane) -> None:
    lane.start()
    seen = threading.Event()
    lane.submit(lambda: seen.set() if lane.stopping.wait(PATIENCE_S) else None)
    lane.stop()
    assert seen.wait(PATIENCE_S)


def test_jobs_given_before_the_start_run_after_it(lane: Lane) -> None:
    trace = Trace()
    lane.submit(noting(trace, "early"))
    lane.later(noting(trace, "housekeeping"))
    lane.start()
    trace.wait_for("housekeeping")
    assert trace.steps == ["early", "housekeeping"]


def test_a_call_to_a_lane_that_has_ended_fails_at_once_instead_of_waiting_for_ever(lane: Lane) -> None:
    lane.start()
    lane.stop()
    assert lane.join(time.monotonic() + PATIENCE_S)
    begin = time.monotonic()
    with pytest.raises(TimeoutError, match="ended"):
        lane.call(lambda: None, PATIENCE_S)
    assert time.monotonic() - begin < PATIENCE_S / 2


def test_an_order_that_comes_after_the_end_is_told_of(lane: Lane, caplog: pytest.LogCaptureFixture) -> None:
    lane.start()
    lane.stop()
    assert lane.join(time.monotonic() + PATIENCE_S)
    lane.submit(lambda: None)
    assert any("tania:kraken" in record.getMessage() for record in caplog.records)


def test_every_call_while_the_lane_ends_is_either_done_or_refused() -> None:
    for _ in range(30):
        lane = Lane("x")
        lane.start()
        stopper = threading.Thread(target=lane.stop)
        stopper.start()
        outcomes = []
        for _ in range(50):
            try:
                outcomes.append(lane.call(lambda: "done", PATIENCE_S))
            except TimeoutError as error:
                outcomes.append("refused" if "ended" in str(error) else "lost")
        stopper.join(PATIENCE_S)
        assert lane.join(time.monotonic() + PATIENCE_S)
        assert set(outcomes) <= {"done", "refused"}
        assert outcomes == sorted(outcomes), "nothing is done after the end"


# -- a lane that is lent to another thread -------------------------------------------------------------------------


def test_an_idle_lane_can_be_borrowed_and_does_nothing_meanwhile(lane: Lane) -> None:
    lane.start()
    trace = Trace()
    lane.call(lambda: None, PATIENCE_S)
    trace.wait_until(lane.borrow)
    lane.submit(noting(trace, "order"))
    lane.later(noting(trace, "housekeeping"))
    trace.add("borrowed")
    lane.give_back(noting(trace, "given back"))
    trace.wait_for("housekeeping")
    assert trace.steps == ["borrowed", "given back", "order", "housekeeping"]


def test_a_lane_with_work_is_not_lent(lane: Lane) -> None:
    lane.start()
    go = held(lane)
    assert not lane.borrow()
    go.set()


def test_a_lane_is_lent_once_at_a_time(lane: Lane) -> None:
    lane.start()
    Trace().wait_until(lane.borrow)
    assert not lane.borrow()
    lane.give_back(lambda: None)


def test_a_lane_that_stops_is_not_lent_and_one_that_is_lent_waits_for_its_return(lane: Lane) -> None:
    lane.start()
    trace = Trace()
    trace.wait_until(lane.borrow)
    lane.stop()
    assert not lane.join(time.monotonic() + 0.02)
    lane.give_back(noting(trace, "given back"))
    assert lane.join(time.monotonic() + PATIENCE_S)
    assert trace.steps == ["given back"]
    assert not lane.borrow()


def test_one_borrower_of_many_gets_the_lane(lane: Lane) -> None:
    lane.start()
    lane.call(lambda: None, PATIENCE_S)
    inside, most, done = [0], [0], [0]
    counting = threading.Lock()

    def work() -> None:
        for _ in range(50):
            if lane.borrow():
                with counting:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                with counting:
                    inside[0] -= 1
                lane.give_back(lambda: done.__setitem__(0, done[0] + 1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert most[0] == 1


# -- a lane that died ----------------------------------------------------------------------------------------------


def ends_it() -> None:
    raise SystemExit(3)


def dead(lane: Lane) -> None:
    """Starts the lane and lets it die of its first job."""
    lane.start()
    lane.submit(ends_it)
    Trace().wait_until(lambda: lane.died)


def test_a_job_that_ends_its_thread_is_logged_and_the_lane_is_seen_to_be_dead(
    lane: Lane, caplog: pytest.LogCaptureFixture
) -> None:
    assert not lane.died, "it has not begun"
    dead(lane)
    assert not lane.alive
    assert any("tania:kraken" in record.getMessage() and record.exc_info for record in caplog.records)


def test_a_dead_lane_goes_on_with_everything_that_was_queued_in_its_order(lane: Lane) -> None:
    lane.start()
    trace = Trace()
    go = held(lane)
    lane.submit(ends_it)
    for number in range(5):
        lane.submit(noting(trace, str(number)))
    lane.later(noting(trace, "housekeeping"))
    go.set()
    trace.wait_until(lambda: lane.died)
    lane.submit(noting(trace, "while it was dead"))
    assert trace.steps == []
    assert lane.revive()
    trace.wait_for("housekeeping")
    assert trace.steps == ["0", "1", "2", "3", "4", "while it was dead", "housekeeping"]
    assert lane.alive
    assert not lane.died
    assert lane.call(lambda: lane.call(lambda: "inner", PATIENCE_S), PATIENCE_S) == "inner"


def test_a_lane_dies_of_its_housekeeping_too_and_a_second_time(lane: Lane) -> None:
    lane.start()
    for _ in range(2):
        lane.later(ends_it)
        Trace().wait_until(lambda: lane.died)
        assert lane.revive()
    assert lane.call(lambda: "alive", PATIENCE_S) == "alive"


def test_a_dead_lane_is_not_lent_until_it_lives_again(lane: Lane) -> None:
    dead(lane)
    assert not lane.borrow()
    assert lane.revive()
    Trace().wait_until(lane.borrow)
    lane.give_back(lambda: None)


def test_a_lane_that_lives_or_was_never_started_is_not_revived(lane: Lane) -> None:
    assert not lane.revive()
    assert not lane.alive
    lane.start()
    assert not lane.revive()
    assert lane.call(lambda: "alive", PATIENCE_S) == "alive"


def test_a_lane_that_was_stopped_stays_stopped(lane: Lane) -> None:
    lane.start()
    lane.stop()
    assert lane.join(time.monotonic() + PATIENCE_S)
    assert not lane.died
    assert not lane.revive()
    assert not lane.alive


def test_of_many_that_see_a_dead_lane_one_revives_it(lane: Lane) -> None:
    dead(lane)
    revived: list[bool] = []
    threads = [threading.Thread(target=lambda: revived.append(lane.revive())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert revived.count(True) == 1
    assert sum(lane.name == thread.name for thread in threading.enumerate()) == 1


def test_a_lane_that_died_before_it_was_stopped_carries_out_its_orders_and_ends(lane: Lane) -> None:
    dead(lane)
    trace = Trace()
    lane.submit(noting(trace, "order"))
    lane.stop()
    assert lane.join(time.monotonic() + PATIENCE_S)
    assert trace.steps == ["order"]
    with pytest.raises(TimeoutError, match="ended"):
        lane.call(lambda: None, PATIENCE_S)


def test_a_job_that_would_end_a_lane_that_stops_keeps_no_other_from_being_done(lane: Lane) -> None:
    lane.start()
    trace = Trace()
    go = held(lane)
    lane.submit(ends_it)
    lane.submit(noting(trace, "order"))
    lane.stop()
    go.set()
    assert lane.join(time.monotonic() + PATIENCE_S)
    assert trace.steps == ["order"]
