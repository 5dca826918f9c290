"""A lane without a thread: its owner says when it works, and what time it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from bot.domain.ports import Clock
from bot.runtime.lane import Lane

_T = TypeVar("_T")


class ManualLane(Lane):
    """As :class:`bot.runtime.lane.Lane`; jobs run in the caller of :meth:`run_due`, :meth:`call` or :meth:`join`."""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name, clock)
        self._started = False

    def start(self) -> None:
        if self._started:
            raise RuntimeError(f"{self.name} was started before")
        self._started = True

    @property
    def alive(self) -> bool:
        return self._started and not self._ended

    def join(self, deadline: float) -> bool:
        """Does what may still be done; a job that hangs hangs the caller."""
        self.run_due()
        return not self.alive

    def run_due(self) -> int:
        """Run what was submitted and then what is due, until nothing is; how many jobs that were."""
        return self._work(lambda: False)

    def next_due_ns(self) -> int | None:
        """When (monotonic nanoseconds) there is something to run; None when there is nothing to wait for."""
        if not self.alive or self._lent:
            return None
        if self._orders:
            return self._monotonic_ns()
        due = math.inf if self._stop.is_set() or not self._later else self._later[0][0]
        return None if math.isinf(due) else math.ceil(due)

    def call(self, function: Callable[[], _T], timeout_s: float | None = None) -> _T:
        """Run a function at once, after those submitted before it."""
        if self._at_work:
            return function()
        future: Future[_T] = Future()

        def job() -> None:
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        if not self.offer(job):
            raise TimeoutError(f"{self.name} has ended")
        self._work(future.done)
        # A lane that is lent, or was not started, would keep its caller waiting.
        return future.result(0)

    def _work(self, enough: Callable[[], bool]) -> int:
        done = 0
        if self._at_work or not self.alive:
            return done
        while not enough() and not self._lent and (job := self._due()) is not None:
            done += 1
            self._at_work = True
            try:
                self._carry_out(job)
            finally:
                self._at_work = False
        if self._stop.is_set() and not self._orders and not self._lent:
            self._ended = True
        return done
