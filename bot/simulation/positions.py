"""What the master's strategy has bought, as it is told: dust that cannot be sold is no position."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from bot.domain.enums import Side
from bot.domain.instruments import split_symbol
from bot.domain.orders import MarketOrder, OrderReport
from bot.simulation.accounts import SimulatedAccount
from bot.trading_strategy import Candles, Position


class Positions:
    """The positions of one account by symbol, all of them bought here."""

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account
        self._held: dict[str, Position] = {}
        self._dust: dict[str, Position] = {}

    def now(self, view: Candles) -> Mapping[str, Position]:
        """All positions, that of the candles' symbol judged by their last close."""
        if view.symbol in self._held or view.symbol in self._dust:
            self._sort(view.symbol, view.last_close)
        return self._held

    def quantity(self, symbol: str) -> Decimal:
        """Coins that can be sold, base."""
        return self._account.instrument(symbol).floor_size(self._account.coins(split_symbol(symbol)[0]))

    def filled(self, order: MarketOrder, report: OrderReport) -> None:
        """An order of the account was filled."""
        symbol, quantity = order.symbol, self.quantity(order.symbol)
        before = self._held.pop(symbol, None) or self._dust.pop(symbol, None)
        self._dust.pop(symbol, None)
        if quantity <= 0:
            return
        if order.side is Side.SELL:
            entry = before
        elif before is None or before.entry_price is None or self._is_dust(symbol, before.quantity, order.price):
            entry = Position(quantity, report.average_price, order.made_at)
        else:
            added = quantity - before.quantity
            average = (before.entry_price * before.quantity + report.average_price * added) / quantity
            entry = Position(quantity, average, before.opened_at)
        if entry is not None:
            self._held[symbol] = Position(quantity, entry.entry_price, entry.opened_at)
            self._sort(symbol, order.price)

    def _sort(self, symbol: str, price: Decimal) -> None:
        position = self._held.pop(symbol, None) or self._dust.pop(symbol)
        home = self._dust if self._is_dust(symbol, position.quantity, price) else self._held
        home[symbol] = position

    def _is_dust(self, symbol: str, quantity: Decimal, price: Decimal) -> bool:
        instrument = self._account.instrument(symbol)
        return quantity <= 0 or instrument.is_below_minimum(quantity, price, Side.SELL)
