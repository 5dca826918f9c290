"""Trades of the masters on somebody's word, and what became of their copies."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from bot.app.commands import Outcome
from bot.app.report import MasterTradeReport, report_as_json
from bot.broker_manager import BrokerManager
from bot.copy_trade_engine import CopyTradeEngine
from bot.domain.enums import BrokerType, Side, SizeType
from bot.domain.events import EventKind
from bot.domain.ids import AccountId, signal_id_of
from bot.domain.orders import OrderResult, rejected
from bot.domain.signals import CopyTradeResult, TradeSignal
from bot.reporting.events import EventHub
from bot.reporting.listening import Announcements
from bot.trade_signal_emitter import TradeSignalEmitter

_log = logging.getLogger("nija.system")

#: Seconds that a trade's report waits for the copies.
_COPIES_TIMEOUT_S = 60.0
#: Seconds that a trade's report waits for the balances of its users to show their fills.
_BALANCES_WITHIN_S = 2.0


class MasterTrades(ABC):
    """Places masters' orders and waits for the copies; :class:`bot.app.system.CopyTradingSystem` adds the rest."""

    def __init__(
        self, manager: BrokerManager, emitter: TradeSignalEmitter, announcer: Announcements, events: EventHub
    ) -> None:
        self.manager, self.emitter, self.announcer, self.events = manager, emitter, announcer, events
        self._left_out: dict[AccountId, str] = {}

    @property
    @abstractmethod
    def engine(self) -> CopyTradeEngine:
        """The copy engine, once started."""

    def trade(
        self,
        venue: BrokerType | str,
        symbol: str,
        side: Side | str,
        quantity: Any,
        size_type: SizeType | str = SizeType.QUOTE,
    ) -> MasterTradeReport:
        """Place a master's market order and wait until every copy has ended.

        Returns:
            The master's outcome and each user's result; a refusal is in it, never raised.
        """
        return self.begin_trade(venue, symbol, side, quantity, size_type)()

    def begin_trade(
        self,
        venue: BrokerType | str,
        symbol: str,
        side: Side | str,
        quantity: Any,
        size_type: SizeType | str = SizeType.QUOTE,
    ) -> Callable[[], MasterTradeReport]:
        """As :meth:`trade`, but returns when the master's order is known, with what waits for the copies."""
        master = self.manager.master(venue)
        if master is None:
            account = AccountId.master(BrokerType(venue))
            missing = f"no {venue} master is set up: set its API key and secret"
            refused = MasterTradeReport(rejected(account, self._left_out.get(account, missing)))
            return lambda: refused
        result = master.place_market_order(symbol, side, quantity, size_type)
        if result.order_id is None:
            what = "it is NOT KNOWN whether the order was placed" if result.sent_blindly else "the order was not placed"
            _log.error("❌ MASTER %s: %s: %s", str(venue).upper(), what, result.reason)
            if result.sent_blindly:
                text = f"{symbol}: {what}: {result.reason}"
                self.events.tell(EventKind.UNKNOWN_OUTCOME, text, account=master.account, serious=True)
            return lambda: MasterTradeReport(result)
        self.announcer.master_confirmed(result)
        return lambda: self._report_of(result)

    def _report_of(self, result: OrderResult) -> MasterTradeReport:
        assert result.order is not None
        signal_id = signal_id_of(result.account, result.order.client_order_id)
        run = self.engine.wait_for(signal_id, _COPIES_TIMEOUT_S)
        if run is None:
            return MasterTradeReport(result, complete=False)
        self._wait_for_balances([copy.account for copy in run.results])
        return MasterTradeReport(result, tuple(run.results), run.wait(0))

    def _wait_for_balances(self, accounts: Iterable[AccountId]) -> None:
        # The next trade is then sized with the venue's own balances; those that trail for longer are computed.
        deadline = time.monotonic() + _BALANCES_WITHIN_S
        for account in accounts:
            broker = self.manager.broker(account)
            if broker is not None:
                broker.wait_for_balances(max(0.0, deadline - time.monotonic()))

    def copy_signal(self, signal: TradeSignal) -> list[CopyTradeResult]:
        """Copy a signal that came from elsewhere and wait until every copy has ended; once per signal id."""
        self.emitter.emit(signal)
        run = self.engine.wait_for(signal.signal_id, _COPIES_TIMEOUT_S)
        return run.results if run else []

    def trade_by_command(self, payload: dict[str, Any]) -> MasterTradeReport:
        """Carry out a ``trade`` command row: venue, symbol, side, quantity, size_type."""
        return self._begin_trade_by_command(payload)()

    def _begin_trade_by_command(self, payload: dict[str, Any]) -> Callable[[], MasterTradeReport]:
        return self.begin_trade(
            payload["venue"], payload["symbol"], payload["side"], payload["quantity"], payload["size_type"]
        )

    def _trade_command(self, payload: dict[str, Any]) -> Callable[[], Outcome]:
        wait = self._begin_trade_by_command(payload)

        def outcome() -> Outcome:
            report = wait()
            return report_as_json(report), not report

        return outcome
