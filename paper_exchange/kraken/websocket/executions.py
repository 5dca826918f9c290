"""Orders and trades as the channel `executions` shows them (Kraken WebSocket v2 docs, Executions; recorded messages).

A report is one entry of a message's `data`. Only the first report of an order, `pending_new`, describes it; all later
ones have what has changed. The numbers are JSON numbers with the venue's decimals.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from paper_exchange.core.accounts import Account
from paper_exchange.core.exchange import Exchange
from paper_exchange.core.orders import LIVE, TRIGGERED_TYPES, ZERO, Order, OrderState, OrderStatus, Trade
from paper_exchange.kraken.formats import VOLUME_DECIMALS, number, rfc3339
from paper_exchange.kraken.instruments import Catalogue

Report = dict[str, Any]

_SNAPSHOT_TRADES = 50
_FINAL = {OrderStatus.CLOSED: "filled", OrderStatus.CANCELED: "canceled", OrderStatus.EXPIRED: "expired"}
_NOTHING = OrderState(0.0, OrderStatus.OPEN)


class _Step(NamedTuple):
    """A trade, and the order's totals with it."""

    trade: Trade
    executed: Decimal
    cost: Decimal
    fee: Decimal


class ExecutionReports:
    """Says what an order or an account looks like, and what became of an order with its last state."""

    def __init__(self, exchange: Exchange, catalogue: Catalogue) -> None:
        self._market = exchange.market
        self._catalogue = catalogue

    def snapshot(self, account: Account, *, orders: bool, trades: bool) -> list[Report]:
        """The open orders, then the last fifty trades, newest first."""
        shown = [self._open_order(order) for order in account.live_orders.values()] if orders else []
        if trades:
            shown += [self._old_trade(account, trade) for trade in reversed(account.trades[-_SNAPSHOT_TRADES:])]
        return shown

    def changes(self, order: Order) -> Iterator[Report]:
        """What the last state of an order brought, in the order of events."""
        state = order.state
        before = order.states[-2] if len(order.states) > 1 else None
        if before is None:
            yield self._described(order, _NOTHING, "pending_new", "pending_new", order.opened_at)
            yield self._event(order, order.opened_at, "new", "new")
        elif state.amendments > before.amendments:
            yield self._amended(order, state)
        elif before.status is OrderStatus.PENDING and state.status in (OrderStatus.OPEN, OrderStatus.CLOSED):
            yield self._event(order, state.time, "status", "new") | {"triggers": _triggers(order, "triggered")}
        executed = before.executed if before is not None else ZERO
        for step in _steps(order):
            if step.executed > executed:
                yield self._new_trade(order, step)
        if state.status not in LIVE:
            yield self._ended(order, state)

    def _open_order(self, order: Order) -> Report:
        state = order.state
        status = "partially_filled" if state.executed else "new"
        report = self._described(order, state, "new", status, state.time)
        return report | self._totals(order, state) if state.executed else report

    def _described(self, order: Order, state: OrderState, event: str, status: str, at: float) -> Report:
        ticket, instrument = order.ticket, order.ticket.instrument
        quantity = "cash_order_qty" if ticket.volume_in_quote else "order_qty"
        report: Report = {
            "order_id": order.order_id,
            **_names(order),
            "symbol": self._symbol(order),
            quantity: number(ticket.volume, VOLUME_DECIMALS),
            "cum_cost": number(state.cost, instrument.cost_decimals),
            "time_in_force": ticket.time_in_force.value,
            "exec_type": event,
            "side": ticket.side.value,
            "order_type": ticket.order_type.value,
        }
        if ticket.order_type in TRIGGERED_TYPES:
            waits = order.states and order.state.status is OrderStatus.PENDING
            report["triggers"] = _triggers(order, "untriggered" if waits else "triggered")
        report |= self._limit(order)
        return report | {
            "stop_price": number(ticket.trigger_price or ZERO, instrument.price_decimals),
            "order_status": status,
            "fee_usd_equiv": self._dollars(order, state.fee),
            "fee_ccy_pref": "fciq",
            "timestamp": rfc3339(at),
        }

    def _amended(self, order: Order, state: OrderState) -> Report:
        status = "partially_filled" if state.executed else "new"
        report = self._event(order, state.time, "amended", status) | {
            "cum_qty": number(state.executed, VOLUME_DECIMALS),
            "reason": "User requested",
            "amended": True,
            "order_qty": number(order.ticket.volume, VOLUME_DECIMALS),
        }
        if state.status is OrderStatus.PENDING:
            report["triggers"] = _triggers(order, "untriggered")
        return report | self._limit(order)

    def _new_trade(self, order: Order, step: _Step) -> Report:
        decimals = order.ticket.instrument.cost_decimals
        # The venue calls every trade partial; that the order is filled comes as an event of its own.
        return self._trade(order, step.trade) | {
            "order_status": "partially_filled",
            "cum_qty": number(step.executed, VOLUME_DECIMALS),
            "cum_cost": number(step.cost, decimals),
            "avg_price": number(step.cost / step.executed, decimals),
            "fee_usd_equiv": self._dollars(order, step.fee),
        }

    def _old_trade(self, account: Account, trade: Trade) -> Report:
        order = account.orders[trade.order_id]
        status = _FINAL.get(order.state.status, "partially_filled")
        return self._trade(order, trade) | {
            "order_status": status,
            "fee_usd_equiv": self._dollars(order, trade.fee),
        }

    def _trade(self, order: Order, trade: Trade) -> Report:
        instrument = trade.instrument
        return {
            "order_id": order.order_id,
            **_names(order),
            "exec_id": trade.trade_id,
            "exec_type": "trade",
            "trade_id": trade.number,
            "symbol": self._symbol(order),
            "side": trade.side.value,
            "last_qty": number(trade.volume, VOLUME_DECIMALS),
            "last_price": number(trade.price, instrument.price_decimals),
            "liquidity_ind": "m" if trade.maker else "t",
            "cost": number(trade.cost, instrument.cost_decimals),
            "order_type": trade.order_type.value,
            "timestamp": rfc3339(trade.time),
            "fees": [{"asset": trade.fee_asset, "qty": number(trade.fee, instrument.cost_decimals)}],
        }

    def _ended(self, order: Order, state: OrderState) -> Report:
        word = _FINAL[state.status]
        report = self._event(order, state.time, word, word) | self._totals(order, state)
        return report | {"cancel_reason": state.reason, "reason": state.reason} if state.reason else report

    def _totals(self, order: Order, state: OrderState) -> Report:
        decimals = order.ticket.instrument.cost_decimals
        average = state.cost / state.executed if state.executed else ZERO
        return {
            "cum_qty": number(state.executed, VOLUME_DECIMALS),
            "cum_cost": number(state.cost, decimals),
            "fee_usd_equiv": self._dollars(order, state.fee),
            "avg_price": number(average, decimals),
        }

    def _event(self, order: Order, at: float, event: str, status: str) -> Report:
        report = {"timestamp": rfc3339(at), "order_status": status, "exec_type": event}
        return report | _names(order) | {"order_id": order.order_id}

    @staticmethod
    def _limit(order: Order) -> Report:
        ticket = order.ticket
        if ticket.limit_price is None:
            return {}
        price = number(ticket.limit_price, ticket.instrument.price_decimals)
        return {"limit_price_type": "static", "limit_price": price}

    def _symbol(self, order: Order) -> str:
        return self._catalogue.pair_of(order.ticket.instrument.symbol).slash_name

    def _dollars(self, order: Order, fee: Decimal) -> Any:
        worth = self._market.value_in(order.fee_asset, "USD")
        return number(fee * worth, order.ticket.instrument.cost_decimals)


def _names(order: Order) -> Report:
    ticket = order.ticket
    named: Report = (
        {"order_userref": ticket.user_reference or 0}
        if ticket.client_order_id is None
        else {"cl_ord_id": ticket.client_order_id}
    )
    return named | {"post_only": True} if ticket.post_only else named


def _triggers(order: Order, status: str) -> Report:
    ticket = order.ticket
    price = number(ticket.trigger_price or ZERO, ticket.instrument.price_decimals)
    return {"price": price, "price_type": "static", "reference": "last", "status": status}


def _steps(order: Order) -> Iterator[_Step]:
    executed = cost = fee = ZERO
    for trade in order.trades:
        executed, cost, fee = executed + trade.volume, cost + trade.cost, fee + trade.fee
        yield _Step(trade, executed, cost, fee)
