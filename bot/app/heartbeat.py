"""A file that says that the bot does its work: what a health check from outside reads, with or without the page."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from bot.domain.ports import Clock
from bot.reporting.health import reason_not_healthy
from bot.reporting.live import LiveSystem
from bot.runtime.service import Ticker

_log = logging.getLogger("nija.heartbeat")

_FILE = "heartbeat.json"
#: Seconds between two writes.
BEAT_EVERY_S = 5.0
#: A file that is older, seconds, was written by a bot that is gone or that hangs.
FRESH_S = 30.0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What the running bot said last: when (unix seconds), and why it does not do its work; empty when it does."""

    at: float
    reason: str


class HeartbeatFile(Ticker):
    """Writes the file again and again, each time whole."""

    def __init__(self, folder: Path, live: LiveSystem, clock: Clock) -> None:
        super().__init__("heartbeat", self._beat, BEAT_EVERY_S)
        self._path, self._live, self._clock = folder / _FILE, live, clock
        self._trouble = ""

    def _beat(self) -> None:
        text = json.dumps({"at": self._clock.time(), "reason": reason_not_healthy(self._live.state())})
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            # Said once: a full disk has said enough elsewhere.
            if not self._trouble:
                _log.error("%s cannot be written: %s", self._path, error.strerror)
            self._trouble = f"{error}"
        else:
            self._trouble = ""


def read_heartbeat(folder: Path) -> Heartbeat | None:
    """What stands in the file of a data folder; None where there is none, or none that can be read."""
    try:
        found = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return Heartbeat(float(found["at"]), str(found["reason"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
