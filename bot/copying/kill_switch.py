"""What stops all trading: the environment, a module's flag, and a switch in the ledger."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from bot.domain.enums import Side
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.domain.orders import Refused
from bot.ledger.switches import KillSwitch

_log = logging.getLogger("nija.kill_switch")


class _SwitchStore(Protocol):
    def kill_switch(self) -> KillSwitch | None: ...


class KillSwitchGate:
    """The one gate of all orders (:class:`bot.domain.ports.Gate`).

    Args:
        disabled_by_environment: ``SYSTEM_DISABLED`` as it was at start.
        disabled_by_flag: reads the front door's flag at the moment of the order.
        store: where ``kill`` and ``resume`` write; read by :meth:`refresh`, several times a second.
    """

    def __init__(
        self, disabled_by_environment: bool, disabled_by_flag: Callable[[], bool], store: _SwitchStore
    ) -> None:
        self._disabled_by_environment = disabled_by_environment
        self._disabled_by_flag = disabled_by_flag
        self._store = store
        self._stored: KillSwitch | None = None

    def refresh(self) -> None:
        """Read the stored switch again; says so in the log when it changed."""
        try:
            stored = self._store.kill_switch()
        except LedgerUnavailable as error:
            # The last word stands: without a ledger no plan can be committed, so nothing is sent either way.
            _log.error("the kill switch could not be read: %s", error)
            return
        if (stored is None) != (self._stored is None):
            _log.warning(
                "🛑 KILL SWITCH ON: %s" if stored else "▶️ KILL SWITCH LIFTED%s", stored.reason if stored else ""
            )
        self._stored = stored

    def reason(self) -> str | None:
        """Why nothing may be traded now; None when it may."""
        if self._disabled_by_environment:
            return "SYSTEM_DISABLED is set in the environment"
        if self._disabled_by_flag():
            return "SYSTEM_DISABLED is set in bot.kraken_copy_trading"
        return self._stored.reason if self._stored else None

    def check(self, account: AccountId, symbol: str, side: Side) -> Refused | None:
        """A refusal for every order while a switch is on."""
        reason = self.reason()
        return None if reason is None else Refused("kill switch", reason)
