"""A clock whose monotonic hand is the true time of the simulated world; the wall hand can be set."""

from __future__ import annotations

from tests.fakes.clock import NOW


class WorldClock:
    """Implements :class:`bot.domain.ports.Clock`; nanoseconds, moved by whoever runs the world."""

    def __init__(self) -> None:
        self._ns = 1_000_000_000_000
        self._wall_offset_ns = int(NOW * 1e9) - self._ns

    def time(self) -> float:
        return self.time_ns() / 1e9

    def time_ns(self) -> int:
        return self._ns + self._wall_offset_ns

    def monotonic_ns(self) -> int:
        return self._ns

    def pass_until(self, ns: int) -> None:
        """True time goes on, to this monotonic moment; never back."""
        self._ns = max(self._ns, ns)

    def pass_s(self, seconds: float) -> None:
        self.pass_until(self._ns + int(seconds * 1e9))

    def step_wall(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self._wall_offset_ns += int(seconds * 1e9)
