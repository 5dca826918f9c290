"""The exchange's time, which a test may set apart from the time of everybody else."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Unix seconds as the exchange sees them; `offset_s` is how far it runs ahead of its source."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self.offset_s = 0.0

    def now(self) -> float:
        """Unix time in seconds, offset included."""
        return self._source() + self.offset_s
