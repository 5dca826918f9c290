"""The exchange's time, which a test may set apart from everybody else's, and the market's, which may run faster."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


class Clock:
    """Unix seconds as the exchange sees them; `offset_s` is how far it runs ahead of its source."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self.offset_s = 0.0

    def now(self) -> float:
        """Unix time in seconds, offset included."""
        return self._source() + self.offset_s


@dataclass(frozen=True, slots=True)
class MarketTime:
    """The time that candles and the prices of a file live in; all else lives in the exchange's own.

    The two agree, unless a file of candles is played faster or slower than life. `opened_at`: unix time of the start by
    the exchange's clock. `began_at`: market time at that moment. `speed`: market seconds in one second. `shift`: what
    is added to the file's times, in seconds. `ends_at`: market time at which the file ends, `None` without a file.

    A speed of one needs `began_at` and `opened_at` to be the same.
    """

    opened_at: float
    began_at: float
    speed: float = 1.0
    shift: int = 0
    ends_at: float | None = None

    @classmethod
    def real(cls, now: float) -> MarketTime:
        """Without a file: the exchange's own time."""
        return cls(now, now)

    def at(self, now: float) -> float:
        """Market time at a unix time of the exchange's clock."""
        # Multiplying by one would already cost the last digits.
        return now if self.speed == 1 else self.began_at + (now - self.opened_at) * self.speed

    @property
    def started_at(self) -> float:
        """The one moment that both clocks call the same, so that `at(now) = started_at + (now - started_at) * speed`.

        It is near the start, but not the start itself where the market began at another time of the day.
        """
        if self.speed == 1:
            return self.opened_at
        return self.opened_at - (self.began_at - self.opened_at) / (self.speed - 1)
