"""What a client of the channel `user` is told: the open orders, then every order that something happens to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from paper_exchange.coinbase.keys import ApiKey
from paper_exchange.coinbase.websocket.user_orders import user_order
from paper_exchange.core.accounts import LedgerEntry
from paper_exchange.core.market import Market
from paper_exchange.core.order_moves import moves
from paper_exchange.core.orders import Order

UserOrders = list[dict[str, Any]]


class UserChannel:
    """One account's orders on one connection, of some products or, while `products` is empty, of all.

    It watches the account from its making to `end`, and gives each change of an order to `tell`.
    """

    def __init__(
        self, key: ApiKey, market: Market, products: Iterable[str], tell: Callable[[UserOrders], None]
    ) -> None:
        self.key = key
        self.products = set(products)
        self._market = market
        self._tell = tell
        key.account.watchers.append(self)

    def end(self) -> None:
        """Follows the account no more."""
        self.key.account.watchers.remove(self)

    def widen(self, products: Iterable[str]) -> None:
        """Follows these products too; none means all."""
        wanted = set(products)
        self.products = self.products | wanted if wanted and self.products else set()

    def open_orders(self) -> UserOrders:
        """The orders that live, oldest first."""
        orders = self.key.account.live_orders.values()
        return [user_order(order, order.state, self.key, self._market) for order in orders if self._follows(order)]

    def order_moved(self, order: Order) -> None:
        """Tells of one change after the other."""
        if self._follows(order):
            for move in moves(order):
                self._tell([user_order(order, move.state, self.key, self._market)])

    def balance_changed(self, entry: LedgerEntry) -> None:
        """Balances are not told of."""

    def _follows(self, order: Order) -> bool:
        return not self.products or order.ticket.instrument.symbol in self.products
