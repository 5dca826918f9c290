"""Orders and trades as Kraken shows them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from paper_exchange.core.orders import LIVE, TRIGGERED_TYPES, ZERO, Order, OrderState, OrderType, Ticket, Trade
from paper_exchange.kraken.formats import fixed, moment, volume
from paper_exchange.kraken.instruments import Catalogue, Pair


def describe(ticket: Ticket, pair: Pair) -> str:
    """The sentence in `descr.order`, like `buy 0.10000000 LTCUSDT @ stop loss 55.00000 -> limit 54.00000`."""
    prices = ticket.trigger_price, ticket.limit_price
    trigger, limit = (None if price is None else _price(price, pair) for price in prices)
    if ticket.order_type is OrderType.MARKET:
        terms = "market"
    elif ticket.order_type is OrderType.LIMIT:
        terms = f"limit {limit}"
    else:
        terms = ticket.order_type.value.removesuffix("-limit").replace("-", " ") + f" {trigger}"
        terms += f" -> limit {limit}" if limit is not None else ""
    return f"{ticket.side.value} {volume(ticket.volume)} {pair.altname} @ {terms}"


def order_record(order: Order, state: OrderState, pair: Pair, *, with_trades: bool) -> dict[str, Any]:
    """The order object of QueryOrders, OpenOrders and ClosedOrders (Kraken REST docs, Get Orders Info).

    Times are JSON numbers, money and volumes are padded strings; `price` is the average of what has traded.
    """
    ticket, decimals = order.ticket, pair.instrument.cost_decimals
    record: dict[str, Any] = {"refid": None, "userref": ticket.user_reference}
    if ticket.client_order_id is not None:
        record["cl_ord_id"] = ticket.client_order_id
    record |= {
        "status": state.status.value,
        "reason": state.reason,
        "opentm": moment(order.opened_at),
        "starttm": 0,
        "expiretm": moment(ticket.expires_at),
        "descr": _description(ticket, pair),
        "vol": volume(ticket.volume),
        "vol_exec": volume(state.executed),
        "cost": fixed(state.cost, decimals),
        "fee": fixed(state.fee, decimals),
        "price": fixed(_average(state), decimals),
        "stopprice": fixed(ticket.trigger_price or ZERO, decimals),
        "limitprice": fixed(ZERO, decimals),
        "misc": "",
        "oflags": _flags(ticket),
    }
    if ticket.order_type in TRIGGERED_TYPES:
        record["trigger"] = "last"
    if state.status not in LIVE:
        record["closetm"] = moment(state.time)
    if with_trades:
        record["trades"] = [trade.trade_id for trade in order.trades if trade.time <= state.time]
    return record


def trade_record(trade: Trade, catalogue: Catalogue, *, with_ledgers: bool) -> dict[str, Any]:
    """The trade object of TradesHistory and QueryTrades; `pair` is the id here, not the altname as in orders."""
    pair = catalogue.pair_of(trade.instrument.symbol)
    decimals = pair.instrument.cost_decimals
    record: dict[str, Any] = {
        "ordertxid": trade.order_id,
        "postxid": "TKH2SE-M7IF5-CFI7LT",
        "pair": pair.pair_id,
        "time": moment(trade.time),
        "type": trade.side.value,
        "ordertype": trade.order_type.value,
        "price": fixed(trade.price, decimals),
        "cost": fixed(trade.cost, decimals),
        "fee": fixed(trade.fee, decimals),
        "vol": volume(trade.volume),
        "margin": fixed(ZERO, decimals),
        "leverage": "0",
        "misc": "",
        "trade_id": trade.number,
        "maker": trade.maker,
    }
    if with_ledgers:
        record["ledgers"] = list(trade.ledger_ids)
    return record


def consolidated(trades: Iterable[Trade]) -> list[Trade]:
    """The trades that one order took at once made into one, under the id of the first, at the average price."""
    rows: list[Trade] = []
    for trade in trades:
        last = rows[-1] if rows else None
        if last is None or last.maker or (last.order_id, last.time) != (trade.order_id, trade.time):
            rows.append(trade)
            continue
        amount, cost, fee = last.volume + trade.volume, last.cost + trade.cost, last.fee + trade.fee
        rows[-1] = last._replace(price=cost / amount, volume=amount, cost=cost, fee=fee)
    return rows


def _description(ticket: Ticket, pair: Pair) -> dict[str, Any]:
    first = ticket.trigger_price if ticket.trigger_price is not None else ticket.limit_price
    second = ticket.limit_price if ticket.trigger_price is not None else None
    return {
        "pair": pair.altname,
        "type": ticket.side.value,
        "ordertype": ticket.order_type.value,
        "price": "0" if first is None else _price(first, pair),
        "price2": "0" if second is None else _price(second, pair),
        "leverage": "none",
        "order": describe(ticket, pair),
        "close": "",
    }


def _price(price: Decimal, pair: Pair) -> str:
    return fixed(price, pair.instrument.price_decimals)


def _average(state: OrderState) -> Decimal:
    return state.cost / state.executed if state.executed else ZERO


def _flags(ticket: Ticket) -> str:
    flags = ["fciq"]
    if ticket.post_only:
        flags.append("post")
    if ticket.volume_in_quote:
        flags.append("viqc")
    return ",".join(flags)
