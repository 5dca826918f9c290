"""The machine's own clock."""

from __future__ import annotations

import time


class SystemClock:
    """Implements :class:`bot.domain.ports.Clock` on the machine's clocks."""

    def time(self) -> float:
        """Unix seconds."""
        return time.time()

    def time_ns(self) -> int:
        """Unix nanoseconds."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds that never step back."""
        return time.monotonic_ns()
