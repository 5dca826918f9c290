"""A clock that stands still until it is told to move."""

from __future__ import annotations


class HandClock:
    """Unix time and monotonic time, moved by hand; only unix time can be turned back."""

    def __init__(self, time_ns: int = 1_790_000_000_000_000_000) -> None:
        self._time_ns = time_ns
        self._monotonic_ns = 0

    def time(self) -> float:
        return self._time_ns / 1e9

    def time_ns(self) -> int:
        return self._time_ns

    def monotonic_ns(self) -> int:
        return self._monotonic_ns

    def advance(self, seconds: float) -> None:
        self._time_ns += int(seconds * 1e9)
        self._monotonic_ns += int(seconds * 1e9)

    def step(self, nanoseconds: int) -> None:
        """The wall clock is set, as NTP does; no time passes."""
        self._time_ns += nanoseconds
