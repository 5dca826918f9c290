"""What a broker is handed while it is verified: nothing that it could trade with."""

from __future__ import annotations

from typing import NoReturn

from bot.broker_manager import BrokerPorts
from bot.domain.enums import OrderState, Side
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.domain.orders import MarketOrder, OrderReport, Refused
from bot.domain.outcomes import Outcome
from bot.domain.ports import Clock
from bot.domain.signals import TradeSignal
from bot.reporting.listening import AnnouncementListener


class _ClosedGate:
    """Lets no order through, whoever asks."""

    def check(self, account: AccountId, symbol: str, side: Side) -> Refused | None:
        return Refused("verification", "accounts are only looked at here")


class _NoJournal:
    """Commits nothing, so that nothing may be sent."""

    def intend(self, order: MarketOrder) -> NoReturn:
        raise LedgerUnavailable("nothing is traded while accounts are verified")

    def answered(
        self, order: MarketOrder, outcome: Outcome, state: OrderState, milliseconds: float | None = None
    ) -> None:
        """There is nothing to write."""

    def resized(self, order: MarketOrder) -> None:
        """There is nothing to write."""

    def settled(self, order: MarketOrder, report: OrderReport, state: OrderState) -> None:
        """There is nothing to write."""


class _NoSignals:
    def expect(self, signal: TradeSignal | None) -> None:
        """Nobody listens."""

    def emit(self, signal: TradeSignal) -> bool:
        return False


def looking_only(clock: Clock) -> BrokerPorts:
    """Ports of a broker that may be asked and must not trade."""
    return BrokerPorts(_ClosedGate(), _NoJournal(), _NoSignals(), AnnouncementListener(), clock)
