"""Keeping below a venue's rate limits."""

from __future__ import annotations

import threading

from bot.domain.ports import Clock
from bot.runtime.clock import SystemClock

#: Rounding in the decay must not keep a call waiting for another billionth of a second.
_ROUNDING = 1e-9


class DecayingCounter:
    """Counts the cost of calls up to ``maximum`` and forgets ``decay_per_s`` of it a second.

    Args:
        maximum: what the venue bears at once.
        decay_per_s: what it forgets a second, above zero.
        clock: where time comes from.
    """

    def __init__(self, maximum: float, decay_per_s: float, clock: Clock | None = None) -> None:
        if maximum <= 0 or decay_per_s <= 0:
            raise ValueError(f"invalid limit, maximum {maximum} and decay {decay_per_s} must be above zero")
        self.maximum = maximum
        self.decay_per_s = decay_per_s
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._level = 0.0
        self._at_ns = self._clock.monotonic_ns()

    @property
    def level(self) -> float:
        """What is counted now."""
        with self._lock:
            return self._decayed()

    def delay(self, cost: float = 1.0) -> float:
        """Seconds until a call of this cost fits; zero for now."""
        with self._lock:
            return self._delay(cost)

    def take(self, cost: float = 1.0) -> None:
        """Count a call, whether it fits or not."""
        with self._lock:
            self._level = self._decayed() + cost

    def exhaust(self) -> None:
        """Count up to the maximum: the venue says that it is reached."""
        with self._lock:
            self._level = max(self._decayed(), self.maximum)

    def acquire(self, cost: float = 1.0, stop: threading.Event | None = None) -> bool:
        """Wait until a call of this cost fits, and count it.

        Returns:
            False when ``stop`` was set first; nothing is counted then.

        Raises:
            ValueError: it costs more than the maximum, so it would never fit.
        """
        if cost > self.maximum:
            raise ValueError(f"a call of cost {cost} never fits below {self.maximum}")
        patience = stop or threading.Event()
        while not patience.is_set():
            with self._lock:
                delay = self._delay(cost)
                if delay <= 0:
                    self._level = self._decayed() + cost
                    return True
            patience.wait(delay)
        return False

    def _delay(self, cost: float) -> float:
        surplus = self._decayed() + cost - self.maximum
        return surplus / self.decay_per_s if surplus > _ROUNDING else 0.0

    def _decayed(self) -> float:
        now_ns = self._clock.monotonic_ns()
        self._level = max(self._level - (now_ns - self._at_ns) / 1e9 * self.decay_per_s, 0.0)
        self._at_ns = now_ns
        return self._level


class Pacer(DecayingCounter):
    """One call every ``min_interval_s`` seconds."""

    def __init__(self, min_interval_s: float, clock: Clock | None = None) -> None:
        super().__init__(1.0, 1.0 / min_interval_s, clock)
