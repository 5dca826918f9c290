"""A counter for rate limits."""

from __future__ import annotations


class Counter:
    """Points that go up with calls and down with time; `now` is any clock in seconds that never goes back."""

    def __init__(self) -> None:
        self._points = 0.0
        self._at = 0.0

    def level(self, decay: float, now: float) -> float:
        """The points left at this moment."""
        self._points = max(0.0, self._points - (now - self._at) * decay)
        self._at = now
        return self._points

    def charge(self, points: float, decay: float, now: float) -> None:
        """Adds points whatever the limit is."""
        self._points = self.level(decay, now) + points

    def try_charge(self, points: float, most: float, decay: float, now: float) -> bool:
        """Adds points if the limit allows, and answers whether it did."""
        level = self.level(decay, now)
        if level + points > most:
            return False
        self._points = level + points
        return True
