"""What every venue package offers to the composition root: see ``CONTRIBUTING.md``, "A venue"."""

from __future__ import annotations

import threading
from typing import Any, Protocol

from bot.brokers.base.broker import BaseBroker
from bot.brokers.base.parts import BrokerPorts
from bot.settings.env import AccountSettings


class Venue(Protocol):
    """One venue in this process: makes its accounts' brokers, and keeps what they share fresh."""

    def broker(self, account: AccountSettings, ports: BrokerPorts) -> BaseBroker:
        """The broker of one account, not started. Raises SettingsError where its key cannot be one."""

    def keep_fresh(self, stop: threading.Event) -> None:
        """Keep instruments and prices fresh until ``stop`` is set; returns then, and never raises."""

    def candles(self, symbol: str, interval_s: int, now: float | None = None) -> Any:
        """At least 300 candles where the venue has them, oldest first; the last one may still be forming.

        Args:
            symbol: any spelling the venue knows, ``BTC-USD``.
            interval_s: length of a candle, seconds.
            now: unix seconds by the market's clock; the venue's own clock when None.

        Returns:
            A pandas DataFrame with the columns time (unix seconds of the opening), open, high, low, close, volume.

        Raises:
            InvalidAmount: the symbol is not listed, or there are no candles of this length.
            VenueError: they could not be had.
        """
