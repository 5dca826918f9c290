"""The machine's own clock, and one that a market may run by instead."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from bot.domain.ports import Clock


class MarketClock(Clock, Protocol):
    """The time in which candles open and close, and which can be waited for."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait for so many seconds of this clock, or until ``stop`` is set; whether it is set."""

    def of_machine(self, unix_s: float) -> float:
        """The time of this clock at a moment of the machine's clock; unix seconds both."""


class SystemClock:
    """Implements :class:`bot.domain.ports.Clock` on the machine's clocks; the time of every real market."""

    def time(self) -> float:
        """Unix seconds."""
        return time.time()

    def time_ns(self) -> int:
        """Unix nanoseconds."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds that never step back."""
        return time.monotonic_ns()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait for so many seconds, or until ``stop`` is set; whether it is set."""
        return stop.wait(seconds)

    def of_machine(self, unix_s: float) -> float:
        """The same."""
        return unix_s


class FastClock:
    """A clock that runs ``speed`` times as fast as another one from a moment on; for markets on paper.

    Args:
        base: the machine's.
        started_at: unix seconds when both show the same.
        speed: seconds of this one in a second of the base, above zero.
    """

    def __init__(self, base: Clock, started_at: float, speed: float) -> None:
        if not 0 < speed < float("inf"):
            raise ValueError(f"invalid speed, must be above zero, was {speed}")
        self.started_at = started_at
        self.speed = speed
        self._base = base
        self._started_ns = int(started_at * 1e9)

    def time(self) -> float:
        """Unix seconds."""
        return self.of_machine(self._base.time())

    def time_ns(self) -> int:
        """Unix nanoseconds."""
        return self._started_ns + int((self._base.time_ns() - self._started_ns) * self.speed)

    def monotonic_ns(self) -> int:
        """Nanoseconds that never step back."""
        return int(self._base.monotonic_ns() * self.speed)

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait for so many seconds of this clock, or until ``stop`` is set; whether it is set."""
        return stop.wait(seconds / self.speed)

    def of_machine(self, unix_s: float) -> float:
        """The time of this clock at a moment of its base; unix seconds both."""
        return self.started_at + (unix_s - self.started_at) * self.speed
