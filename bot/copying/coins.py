"""Which coins copying bought, per user and symbol: the only ones that are ever sold."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from decimal import Decimal

from bot.domain.enums import Side
from bot.domain.ids import AccountId, ClientOrderId, SignalId
from bot.domain.instruments import split_symbol
from bot.domain.money import ZERO
from bot.domain.orders import MarketOrder, OrderReport
from bot.domain.signals import TradeSignal

_Key = tuple[AccountId, str]


class CopiedCoins:
    """The ledger's coins in memory, and the orders whose fills are not known yet.

    Args:
        confirmed: base per (account, symbol), as the ledger has it at start.
    """

    def __init__(self, confirmed: Mapping[_Key, Decimal]) -> None:
        self._lock = threading.Lock()
        self._confirmed = dict(confirmed)
        self._open: dict[_Key, dict[ClientOrderId, tuple[Side, Decimal]]] = {}
        # Buys in doubt, and the exits that do without them: planned so (False), or cut when they left (True).
        self._doubted: dict[ClientOrderId, dict[SignalId, bool]] = {}
        self._left: set[ClientOrderId] = set()

    def confirmed(self, account: AccountId, symbol: str) -> Decimal:
        """Coins whose fills are known, base."""
        with self._lock:
            return max(self._confirmed.get((account, symbol), ZERO), ZERO)

    def any_of(self, account: AccountId, symbol: str) -> bool:
        """Whether copying has coins of a symbol, or orders of it on their way."""
        with self._lock:
            return self._confirmed.get((account, symbol), ZERO) > ZERO or bool(self._open.get((account, symbol)))

    def holdings(self) -> dict[tuple[AccountId, str], Decimal]:
        """Coins whose fills are known, base, of every account and symbol that has some."""
        with self._lock:
            return {key: quantity for key, quantity in self._confirmed.items() if quantity > ZERO}

    def write_off(self, account: AccountId, symbol: str, quantity: Decimal) -> None:
        """Coins that are no longer there."""
        with self._lock:
            key = (account, symbol)
            self._confirmed[key] = self._confirmed.get(key, ZERO) - quantity

    def open(self, order: MarketOrder) -> None:
        """An order is about to leave, or waits for that."""
        with self._lock:
            self._left.discard(order.client_order_id)
            self._open.setdefault(_key(order), {})[order.client_order_id] = (order.side, order.quantity)

    def rename(self, before: MarketOrder, after: MarketOrder) -> None:
        """An exit goes out under another name: it keeps its place among the orders of its coins."""
        with self._lock:
            names = {before.client_order_id: after.client_order_id}
            orders = self._open.get(_key(before), {})
            self._open[_key(before)] = {names.get(name, name): order for name, order in orders.items()}
            self._left.discard(before.client_order_id)

    def left(self, order: MarketOrder) -> None:
        """An open order is at its venue, or on its way there."""
        with self._lock:
            self._left.add(order.client_order_id)

    def doubt(self, order: MarketOrder, missed: Sequence[SignalId] = ()) -> None:
        """Nobody knows whether an open order was placed; ``missed``: exits planned without it in an earlier process."""
        with self._lock:
            self._left.add(order.client_order_id)
            if order.side is Side.BUY:
                self._doubted.setdefault(order.client_order_id, {}).update(dict.fromkeys(missed, False))

    def close(self, order: MarketOrder, report: OrderReport | None) -> list[SignalId]:
        """An order has its fill, or none: ``report`` is None when nothing was placed.

        Returns:
            The exits that did without what it bought, oldest first.
        """
        with self._lock:
            self._open.get(_key(order), {}).pop(order.client_order_id, None)
            self._left.discard(order.client_order_id)
            missed = list(self._doubted.pop(order.client_order_id, {}))
            if report is not None:
                # Below zero where a sale became known before its buy.
                self._confirmed[_key(order)] = self._confirmed.get(_key(order), ZERO) + _change(order, report)
            return missed

    def expected(self, account: AccountId, symbol: str, signal_id: SignalId) -> Decimal:
        """Coins once every open order is filled as sized: what an exit is planned with. Base, never negative.

        What an order in doubt may have bought is left out: an exit of its own sells it, once it is known.
        """
        with self._lock:
            key = (account, symbol)
            for name in self._doubted.keys() & self._open.get(key, {}).keys():
                self._doubted[name].setdefault(signal_id, False)
            moving = (
                quantity if side is Side.BUY else -quantity
                for name, (side, quantity) in self._open.get(key, {}).items()
                if side is Side.SELL or name not in self._doubted
            )
            return max(self._confirmed.get(key, ZERO) + sum(moving, ZERO), ZERO)

    def sellable(self, order: MarketOrder, signal: TradeSignal | None = None) -> Decimal:
        """Coins that are surely there for an exit that leaves now. Base, never negative.

        What other sells may take is left to them: those that have left, and those that were opened before this one.

        Args:
            signal: the order is its first leg. What buys in doubt had in its plan is taken out of it.
        """
        with self._lock:
            taken, is_before = ZERO, True
            for name, (side, quantity) in self._open.get(_key(order), {}).items():
                if name == order.client_order_id:
                    is_before = False
                elif side is Side.SELL and (is_before or name in self._left):
                    taken += quantity
            self._left.add(order.client_order_id)
            sure = max(self._confirmed.get(_key(order), ZERO) - taken, ZERO)
            return sure if signal is None else max(min(sure, order.quantity - self._cut(order, signal)), ZERO)

    def _cut(self, order: MarketOrder, signal: TradeSignal) -> Decimal:
        cut = ZERO
        for name, (_, quantity) in self._open.get(_key(order), {}).items():
            if name == order.client_order_id:
                break  # what was opened after this exit was planned is not in its plan
            # The doubt came after the plan: a leg of its own sells that share, once it is known.
            if name in self._doubted and self._doubted[name].setdefault(signal.signal_id, True):
                cut += quantity * signal.share_sold
        return cut


def _key(order: MarketOrder) -> _Key:
    return order.account, order.symbol


def bought_by(order: MarketOrder, report: OrderReport) -> Decimal:
    """Coins that a buy brought, base: a fee taken in the coin itself is gone."""
    return _change(order, report)


def _change(order: MarketOrder, report: OrderReport) -> Decimal:
    base, _ = split_symbol(order.symbol)
    moved = report.executed if order.side is Side.BUY else -report.executed
    return moved - report.fee if report.fee_currency == base else moved
