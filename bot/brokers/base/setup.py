"""What every venue package offers to the composition root: see ``CONTRIBUTING.md``, "A venue"."""

from __future__ import annotations

import threading
from typing import Protocol

from bot.brokers.base.broker import BaseBroker
from bot.brokers.base.parts import BrokerPorts
from bot.settings.env import AccountSettings


class Venue(Protocol):
    """One venue in this process: makes its accounts' brokers, and keeps what they share fresh."""

    def broker(self, account: AccountSettings, ports: BrokerPorts) -> BaseBroker:
        """The broker of one account, not started. Raises SettingsError where its key cannot be one."""

    def keep_fresh(self, stop: threading.Event) -> None:
        """Keep instruments and prices fresh until ``stop`` is set; returns then, and never raises."""
