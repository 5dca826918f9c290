"""Alpaca's rate limit: so many calls in a minute, counted per account (Alpaca docs, Usage Limit)."""

from __future__ import annotations

import math

CALLS_PER_MINUTE = 200
_WINDOW_S = 60.0

Headers = list[tuple[bytes, bytes]]


class Window:
    """The calls of one account in its present minute, which begins with a call; `now` in unix seconds."""

    def __init__(self) -> None:
        self._ends_at = 0.0
        self._calls = 0

    def take(self, now: float) -> bool:
        """Counts a call; whether it is within the limit."""
        if not self._ends_at - _WINDOW_S <= now < self._ends_at:
            self._ends_at, self._calls = now + _WINDOW_S, 0
        if self._calls >= CALLS_PER_MINUTE:
            return False
        self._calls += 1
        return True

    def calls(self, now: float) -> int:
        """The calls counted in the minute that is running."""
        return self._calls if now < self._ends_at else 0

    def headers(self) -> Headers:
        """What every answer says of the limit; the reset is in whole unix seconds."""
        return [
            (b"x-ratelimit-limit", b"%d" % CALLS_PER_MINUTE),
            (b"x-ratelimit-remaining", b"%d" % (CALLS_PER_MINUTE - self._calls)),
            (b"x-ratelimit-reset", b"%d" % math.ceil(self._ends_at)),
        ]
