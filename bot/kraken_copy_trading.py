"""Kraken's front door for scripts.

::

    from bot import kraken_copy_trading as kraken

    kraken.initialize_copy_trading_system()
    report = kraken.execute_master_trade("XXBTZUSD", "buy", usd_size=100.0)

``SYSTEM_DISABLED`` and ``MAX_USER_RISK`` may be written from outside at any time; they are read at the next order.
"""

from __future__ import annotations

import atexit
import logging
import threading
from decimal import Decimal
from typing import Any

from bot.app import ConnectProgress, CopyTradingSystem, FrontDoorSwitches, MasterTradeReport
from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.nonce import NonceStore
from bot.domain.enums import BrokerType, SizeType
from bot.domain.errors import NijaError
from bot.domain.ids import AccountId
from bot.domain.money import ZERO
from bot.domain.orders import rejected
from bot.domain.signals import CopyTradeResult, TradeSignal
from bot.settings.env import Settings, load_settings

__all__ = [
    "MAX_USER_RISK",
    "SYSTEM_DISABLED",
    "KrakenClient",
    "NonceStore",
    "copy_trade_to_kraken_users",
    "execute_master_trade",
    "front_door_switches",
    "initialize_copy_trading_system",
    "shutdown_copy_trading_system",
]

_log = logging.getLogger("nija.kraken_copy")

#: The largest share of a user's balance that one entry may use.
MAX_USER_RISK: float | Decimal = 0.10

#: True stops every order of every account, from the next one on.
SYSTEM_DISABLED: bool = False

_lock = threading.Lock()
_system: CopyTradingSystem | None = None


def front_door_switches() -> FrontDoorSwitches:
    """The two constants above, read anew at every call."""
    return FrontDoorSwitches(lambda: bool(SYSTEM_DISABLED), _max_user_risk)


def _max_user_risk() -> Decimal:
    try:
        return Decimal(str(MAX_USER_RISK))
    except ArithmeticError:
        # No number at all: zero, which the sizer refuses with its reason.
        return ZERO


def initialize_copy_trading_system(settings: Settings | None = None, progress: ConnectProgress | None = None) -> bool:
    """Read the settings, connect master and users, start to copy. A second call while it runs changes nothing.

    Args:
        settings: instead of the environment's.
        progress: told how many accounts are through, of how many.

    Returns:
        Whether the Kraken master is connected; why not is in the log.
    """
    global _system
    with _lock:
        if _system is None:
            system = _started(settings, progress)
            if system is None:
                return False
            _system = system
            atexit.register(shutdown_copy_trading_system)
        return _system.manager.is_master_connected(BrokerType.KRAKEN)


def _started(settings: Settings | None, progress: ConnectProgress | None) -> CopyTradingSystem | None:
    try:
        system = CopyTradingSystem(settings or load_settings(), front_door_switches())
        system.start(progress)
    except NijaError as error:
        _log.error("❌ copy trading is not started: %s", error)
        return None
    return system


def shutdown_copy_trading_system(within_s: float = 10.0) -> None:
    """Stop everything that ``initialize_copy_trading_system`` started."""
    global _system
    with _lock:
        system, _system = _system, None
    if system is not None:
        system.stop(within_s)
        atexit.unregister(shutdown_copy_trading_system)


def execute_master_trade(pair: str = "XXBTZUSD", side: str = "buy", usd_size: Any = 100.0) -> MasterTradeReport:
    """Place a market order on the master and wait until every user's copy has ended.

    Args:
        pair: any spelling: ``XXBTZUSD``, ``XBTUSD``, ``BTC/USD``, ``BTC-USD``.
        side: buy or sell.
        usd_size: what it is to be worth, in the pair's quote currency.

    Returns:
        The master's outcome and each user's result; true when the master's order was accepted. Refusals are in it.
    """
    system = _system
    if system is None:
        reason = "the copy trading system is not started: call initialize_copy_trading_system() first"
        _log.error("❌ %s", reason)
        return MasterTradeReport(rejected(AccountId.master(BrokerType.KRAKEN), reason))
    return system.trade(BrokerType.KRAKEN, pair, side, usd_size, SizeType.QUOTE)


def copy_trade_to_kraken_users(signal: TradeSignal) -> list[CopyTradeResult]:
    """Copy one signal to every user that follows its master, and wait until every copy has ended.

    A signal that was copied before is not copied again: its results are returned as they stand.
    """
    system = _system
    if system is None:
        _log.error("❌ the copy trading system is not started: call initialize_copy_trading_system() first")
        return []
    return system.copy_signal(signal)
