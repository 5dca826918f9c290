"""Who owns what: balances, what orders hold back, and the list of every change."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple, Protocol

from paper_exchange.core.funds import paid_asset
from paper_exchange.core.orders import LIVE, ZERO, Order, OrderState, Trade

TRADE = "trade"


class LedgerEntry(NamedTuple):
    """One change of one balance: `amount` and `fee` in the asset, `balance` what was left after both."""

    ledger_id: str
    reference: str
    time: float
    kind: str
    asset: str
    amount: Decimal
    fee: Decimal
    balance: Decimal


class Watcher(Protocol):
    """Is told what happens in an account while it happens; it must not wait, and nothing that it does may fail."""

    def order_moved(self, order: Order) -> None:
        """An order has a new state, the last of `order.states`."""

    def balance_changed(self, entry: LedgerEntry) -> None:
        """A change of a balance was booked."""


class Account:
    """One login at one venue. Assets are canonical codes (USD, BTC, DOGE); amounts are exact decimals.

    `fee_rate` is a fraction of the cost, `None` for the exchange's own. `enabled` says whether the key still works.
    """

    def __init__(self, name: str, venue: str, fee_rate: Decimal | None = None) -> None:
        self.name = name
        self.venue = venue
        self.fee_rate = fee_rate
        self.enabled = True
        self.balances: dict[str, Decimal] = {}
        self.holds: dict[str, Decimal] = {}
        self.entries: list[LedgerEntry] = []
        self.orders: dict[str, Order] = {}
        self.live_orders: dict[str, Order] = {}
        self.ended_orders: list[Order] = []
        self.orders_by_client_id: dict[str, list[Order]] = {}
        self.trades: list[Trade] = []
        self.watchers: list[Watcher] = []

    def available(self, asset: str) -> Decimal:
        """What an order may use: the balance less what live orders hold."""
        return self.balances.get(asset, ZERO) - self.holds.get(asset, ZERO)

    def post(
        self, entry_id: str, reference: str, time: float, kind: str, asset: str, amount: Decimal, fee: Decimal = ZERO
    ) -> None:
        """Books one change of a balance; the fee is taken off on top of the amount."""
        balance = self.balances.get(asset, ZERO) + amount - fee
        self.balances[asset] = balance
        entry = LedgerEntry(entry_id, reference, time, kind, asset, amount, fee, balance)
        self.entries.append(entry)
        for watcher in self.watchers:
            watcher.balance_changed(entry)

    def add_order(self, order: Order) -> None:
        """Takes in a new order; it is live until `follow` sees it end."""
        self.orders[order.order_id] = order
        self.live_orders[order.order_id] = order
        if order.ticket.client_order_id is not None:
            self.orders_by_client_id.setdefault(order.ticket.client_order_id, []).append(order)

    def named(self, client_order_id: str | None) -> Order | None:
        """The first order of a client order id, dead or alive: for venues where an id is unique for good."""
        orders = self.orders_by_client_id.get(client_order_id or "")
        return orders[0] if orders else None

    def live_named(self, client_order_id: str | None) -> list[Order]:
        """The live orders of a client order id: for venues where an id is unique among open orders only."""
        return [order for order in self.orders_by_client_id.get(client_order_id or "", ()) if order.is_live]

    def follow(self, order: Order, state: OrderState) -> None:
        """Moves an order to its next state and the holds with it."""
        asset = paid_asset(order.ticket)
        change = state.held - (order.states[-1].held if order.states else ZERO)
        if change:
            self.holds[asset] = self.holds.get(asset, ZERO) + change
        order.states.append(state)
        if state.status not in LIVE:
            del self.live_orders[order.order_id]
            self.ended_orders.append(order)
        for watcher in self.watchers:
            watcher.order_moved(order)

    def balances_at(self, horizon: float | None) -> dict[str, Decimal]:
        """The balances as trades had left them at a unix time; no horizon means now. Deposits show at once."""
        balances = dict(self.balances)
        if horizon is not None:
            for entry in reversed(self.entries):
                if entry.time <= horizon:
                    break
                if entry.kind == TRADE:
                    balances[entry.asset] -= entry.amount - entry.fee
        return balances

    def holds_at(self, horizon: float | None) -> dict[str, Decimal]:
        """What live orders held at a unix time; no horizon means now."""
        if horizon is None:
            return dict(self.holds)
        holds: dict[str, Decimal] = {}
        for order in self.orders.values():
            state = order.state_at(horizon)
            if state is not None and state.held:
                asset = paid_asset(order.ticket)
                holds[asset] = holds.get(asset, ZERO) + state.held
        return holds
