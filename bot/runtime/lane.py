"""The thread that owns one account.

Orders go first, in the order they came; housekeeping (fills to confirm, balances to refresh) runs when no order waits.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from bot.domain.ports import Clock
from bot.runtime.clock import SystemClock
from bot.runtime.service import Service

_log = logging.getLogger("nija.lane")

Job = Callable[[], None]
_T = TypeVar("_T")


class Lane(Service):
    """One account's thread. ``submit`` from anywhere; jobs run one at a time.

    Args:
        name: of the account.
        clock: its monotonic hand says what is due.
    """

    def __init__(self, name: str, clock: Clock | None = None) -> None:
        super().__init__(f"lane {name}")
        self._monotonic_ns = (clock or SystemClock()).monotonic_ns
        self._wake = threading.Condition(threading.Lock())
        self._orders: deque[Job] = deque()
        self._later: list[tuple[float, int, Job]] = []
        self._count = itertools.count()
        self._at_work = False
        self._lent = False
        self._ended = False

    def submit(self, job: Job) -> None:
        """Run a job as soon as the jobs submitted before it are done; too late ones are logged."""
        if not self.offer(job):
            _log.error("%s has ended; a job came too late and is not done", self.name)

    def offer(self, job: Job) -> bool:
        """As :meth:`submit`; False when the lane has ended and the job is never done."""
        with self._wake:
            if self._ended:
                return False
            self._orders.append(job)
            self._wake.notify()
            return True

    def borrow(self) -> bool:
        """Take the idle lane for the caller's own thread; False when it has work. What was borrowed is given back.

        So one thread can begin something for many accounts, without waking as many.
        """
        with self._wake:
            if self._at_work or self._lent or self._orders or self._stop.is_set():
                return False
            self._lent = True
            return True

    def give_back(self, job: Job) -> None:
        """End a :meth:`borrow`: the lane goes on with this job, before anything else."""
        with self._wake:
            self._lent = False
            self._orders.appendleft(job)
            self._wake.notify()

    def later(self, job: Job, delay_s: float = 0.0) -> None:
        """Run a job when it is due and no submitted one waits."""
        with self._wake:
            heapq.heappush(self._later, (self._monotonic_ns() + delay_s * 1e9, next(self._count), job))
            self._wake.notify()

    def call(self, function: Callable[[], _T], timeout_s: float | None = None) -> _T:
        """Run a function in the lane and return what it returns; at once when called from the lane itself.

        Raises:
            TimeoutError: it did not end in time and may still run; or the lane has ended, and it never runs.
        """
        if threading.current_thread() is self._thread:
            return function()
        future: Future[_T] = Future()

        def job() -> None:
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        if not self.offer(job):
            raise TimeoutError(f"{self.name} has ended")
        return future.result(timeout_s)

    @property
    def stopping(self) -> threading.Event:
        """Set once the lane was asked to end; what waits inside a job waits on it."""
        return self._stop

    @property
    def waiting(self) -> int:
        """Orders that have not begun."""
        return len(self._orders)

    def stop(self) -> None:
        """Ask to end after the orders that are already here; housekeeping is dropped."""
        # One that died carries out what it has, and then ends.
        self.revive()
        super().stop()
        with self._wake:
            self._wake.notify()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            self._carry_out(job)

    def _carry_out(self, job: Job) -> None:
        try:
            job()
        except Exception:
            _log.exception("%s: a job failed; the lane goes on", self.name)
        except BaseException:
            if not self._stop.is_set():
                raise
            # Nobody would start the lane again, and the orders that are here are still to be done.
            _log.exception("%s: a job failed; the lane goes on to its end", self.name)

    def _next(self) -> Job | None:
        with self._wake:
            self._at_work = False
            while True:
                if self._lent:
                    self._wake.wait()
                elif (job := self._due()) is not None:
                    self._at_work = True
                    return job
                elif self._stop.is_set():
                    self._ended = True
                    return None
                else:
                    self._wake.wait(self._due_in_s())

    def _due(self) -> Job | None:
        if self._orders:
            return self._orders.popleft()
        if self._later and not self._stop.is_set() and self._later[0][0] <= self._monotonic_ns():
            return heapq.heappop(self._later)[2]
        return None

    def _due_in_s(self) -> float | None:
        if not self._later:
            return None
        return min(max(0.0, self._later[0][0] - self._monotonic_ns()) / 1e9, threading.TIMEOUT_MAX)
