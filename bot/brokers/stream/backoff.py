"""How long to wait before the next connection."""

from __future__ import annotations

import random

from bot.brokers.stream.timing import StreamTiming


class Backoff:
    """None before the first new connection, then twice as long each time; a random part keeps accounts from coming all
    at once after a venue's outage."""

    def __init__(self, timing: StreamTiming) -> None:
        self._timing = timing
        self._failures = 0

    def next_s(self, *, turned_away: bool = False) -> float:
        """Seconds until the next connection; those who are turned away wait the longest at once."""
        longest = self._timing.longest_wait_s
        if turned_away:
            return _jittered(longest)
        self._failures += 1
        if self._failures == 1:
            return 0.0
        # The exponent is bounded: a venue may be away for days.
        return _jittered(min(longest, self._timing.first_wait_s * 2.0 ** min(self._failures - 2, 30)))

    def reset(self) -> None:
        """Begin anew: a connection was good."""
        self._failures = 0


def _jittered(seconds: float) -> float:
    return random.uniform(seconds / 2, seconds)
