"""Sees threads that died, and starts them again."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Protocol

from bot.runtime.service import Ticker

_log = logging.getLogger("nija.supervisor")


class Watched(Protocol):
    """What can die and be started again: a lane, the engine, a ticker."""

    @property
    def name(self) -> str:
        """As people know it."""

    @property
    def died(self) -> bool:
        """Whether its thread ended although nobody asked it to."""

    def revive(self) -> bool:
        """Start it again where it died; whether it had."""


class Supervisor(Ticker):
    """Looks after everything that it was told to watch.

    Args:
        every_s: seconds between two looks.
    """

    def __init__(self, every_s: float = 1.0) -> None:
        super().__init__("supervisor", self._look, every_s)
        self._watched: list[Watched] = []
        self._restarts: Counter[str] = Counter()

    def watch(self, *things: Watched) -> None:
        """Look after these too; from any thread."""
        self._watched.extend(things)

    @property
    def restarts(self) -> dict[str, int]:
        """How often each that died was started again, by name."""
        return dict(self._restarts)

    def _look(self) -> None:
        for thing in list(self._watched):
            if thing.died and not self._stop.is_set():
                self._start_again(thing)

    def _start_again(self, thing: Watched) -> None:
        try:
            if thing.revive():
                self._restarts[thing.name] += 1
                _log.error("%s died and was started again", thing.name)
        except (RuntimeError, MemoryError) as error:
            # No thread is to be had from the system now; there may be one at the next look.
            _log.error("%s died and cannot be started again yet: %s", thing.name, error)
