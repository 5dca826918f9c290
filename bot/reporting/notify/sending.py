"""The thread of one channel: what fails is tried again, what hangs keeps nothing but this channel."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from bot.reporting.notify.channels import Channel
from bot.reporting.notify.texts import Message
from bot.runtime.service import Service

_log = logging.getLogger("nija.notify")

#: Messages that wait for a channel; beyond that the oldest that is not serious is given up.
_WAITING = 50
#: Attempts that hang at the same time.
_HANGING = 3
#: How often a wait looks whether the end was asked for.
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things are waited for, seconds.

    Attributes:
        answer: for one message to be taken.
        again: before a message is tried again; the last one counts for all further attempts.
        give_up: after which a message that still did not go is given up.
        ending: for what waits when the end is asked for.
        between: from one message to the next; services refuse more at once.
    """

    answer: float = 30.0
    again: tuple[float, ...] = (5.0, 30.0, 120.0, 600.0)
    give_up: float = 3600.0
    ending: float = 0.8
    between: float = 1.0


@dataclass(eq=False)
class _Waiting:
    message: Message
    since: float
    attempts: int = 0


class ChannelSender(Service):
    """Sends messages to one channel, in their order."""

    def __init__(self, channel: Channel, patience: Patience | None = None) -> None:
        super().__init__(f"notify {channel.label}")
        self._channel = channel
        self._patience = patience or Patience()
        self._bell = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._hanging: list[threading.Thread] = []
        self._failures = 0
        self._given_up = 0
        self._ending_at = float("inf")

    @property
    def unsent(self) -> int:
        """Messages that were given up, or still wait."""
        with self._bell:
            return self._given_up + len(self._waiting)

    def put(self, message: Message) -> None:
        """Send it when it is its turn; returns at once."""
        with self._bell:
            self._waiting.append(_Waiting(message, time.monotonic()))
            if len(self._waiting) > _WAITING:
                ordinary = (one for one in self._waiting if not one.message.serious)
                self._waiting.remove(next(ordinary, self._waiting[0]))
                self._given_up += 1
            self._bell.notify_all()

    def stop(self) -> None:
        """Send what waits within a moment, then end; returns at once."""
        with self._bell:
            self._ending_at = min(self._ending_at, time.monotonic() + self._patience.ending)
            self._stop.set()
            self._bell.notify_all()

    def _run(self) -> None:
        while (waiting := self._next()) is not None:
            reason = self._attempt(waiting.message)
            waiting.attempts += 1
            if reason:
                self._failed(waiting, reason)
            else:
                self._went(waiting)
        if unsent := self.unsent:
            _log.warning("%s: %d notifications were not sent", self._channel.label, unsent)

    def _next(self) -> _Waiting | None:
        with self._bell:
            self._bell.wait_for(lambda: self._waiting or self._stop.is_set())
            if not self._waiting or self._time_is_up():
                return None
            return self._waiting[0]

    def _time_is_up(self) -> bool:
        return time.monotonic() >= self._ending_at

    def _attempt(self, message: Message) -> str:
        """Why it did not go; empty when it went."""
        self._hanging = [thread for thread in self._hanging if thread.is_alive()]
        if len(self._hanging) >= _HANGING:
            return "it hangs"
        answers: SimpleQueue[str] = SimpleQueue()
        # A thread of its own: nothing in Python ends a call that hangs.
        thread = threading.Thread(
            target=lambda: answers.put(self._channel.send(message)), name=f"{self.name} sends", daemon=True
        )
        thread.start()
        until = time.monotonic() + self._patience.answer
        while time.monotonic() < min(until, self._ending_at):
            try:
                return answers.get(timeout=_LOOK_S)
            except Empty:
                continue
        self._hanging.append(thread)
        return f"no answer within {self._patience.answer:.0f} s"

    def _went(self, waiting: _Waiting) -> None:
        if self._failures:
            _log.info("%s takes notifications again", self._channel.label)
        self._failures = 0
        self._drop(waiting)
        self._rest(self._patience.between)

    def _failed(self, waiting: _Waiting, reason: str) -> None:
        again = self._patience.again
        rest = again[min(self._failures, len(again) - 1)]
        self._failures += 1
        if self._stop.is_set():
            # What waits behind it may still go.
            self._give_up(waiting)
            return
        # Of several targets some may have it already: told twice is enough.
        old = time.monotonic() - waiting.since >= self._patience.give_up
        if old or (self._channel.targets > 1 and waiting.attempts > 1):
            self._give_up(waiting)
        if self._failures == 1:
            _log.warning("%s did not take a notification: %s; it is tried again", self._channel.label, reason)
        self._rest(rest)

    def _give_up(self, waiting: _Waiting) -> None:
        if self._drop(waiting):
            with self._bell:
                self._given_up += 1
            _log.warning("%s: a notification is given up: %s", self._channel.label, waiting.message.title)

    def _drop(self, waiting: _Waiting) -> bool:
        with self._bell:
            if waiting not in self._waiting:
                return False  # given up and counted while it was on its way
            self._waiting.remove(waiting)
            return True

    def _rest(self, seconds: float) -> None:
        with self._bell:
            self._bell.wait_for(self._stop.is_set, seconds)
