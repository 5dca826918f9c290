"""A clock that stands still until it is told otherwise."""

from __future__ import annotations

NOW = 1_790_000_000.0


class SettableClock:
    """Implements :class:`bot.domain.ports.Clock`; both hands move only when they are told to."""

    def __init__(self, now: float = NOW) -> None:
        self._now_ns = int(now * 1e9)
        self._monotonic_ns = 1_000_000_000

    def advance(self, seconds: float) -> None:
        self._now_ns += int(seconds * 1e9)
        self._monotonic_ns += max(0, int(seconds * 1e9))

    def step_wall(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self._now_ns += int(seconds * 1e9)

    def advance_to_ns(self, monotonic_ns: int) -> None:
        """Go on to this moment of the monotonic hand; one that has passed changes nothing."""
        step = max(0, monotonic_ns - self._monotonic_ns)
        self._now_ns += step
        self._monotonic_ns += step

    def time(self) -> float:
        return self._now_ns / 1e9

    def time_ns(self) -> int:
        return self._now_ns

    def monotonic_ns(self) -> int:
        return self._monotonic_ns
