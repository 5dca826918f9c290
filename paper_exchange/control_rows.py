"""What the control API shows, row by row."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper_exchange.core.accounts import Account
from paper_exchange.core.clock import MarketTime
from paper_exchange.core.faults import Fault
from paper_exchange.core.journal import Request
from paper_exchange.core.market import Quote
from paper_exchange.core.orders import Order, Trade
from paper_exchange.core.sockets import Wire


def order_row(account: Account, order: Order) -> dict[str, Any]:
    """An order as it really stands; `volume` is in quote if `volume_in_quote`."""
    ticket, state = order.ticket, order.state
    return {
        "account": account.name,
        "venue": account.venue,
        "order_id": order.order_id,
        "client_order_id": ticket.client_order_id,
        "symbol": ticket.instrument.symbol,
        "side": ticket.side,
        "type": ticket.order_type,
        "volume": ticket.volume,
        "volume_in_quote": ticket.volume_in_quote,
        "executed": state.executed,
        "cost": state.cost,
        "fee": state.fee,
        "fee_asset": order.fee_asset,
        "price": state.cost / state.executed if state.executed else Decimal(0),
        "status": state.status,
        "opened_at": order.opened_at,
        "closed_at": order.closed_at,
    }


def trade_row(account: Account, trade: Trade) -> dict[str, Any]:
    """One execution."""
    return {
        "account": account.name,
        "venue": account.venue,
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "symbol": trade.instrument.symbol,
        "side": trade.side,
        "price": trade.price,
        "volume": trade.volume,
        "cost": trade.cost,
        "fee": trade.fee,
        "fee_asset": trade.fee_asset,
        "time": trade.time,
    }


def request_row(row: Request) -> dict[str, Any]:
    """One call of the journal."""
    return {
        "account": row.account,
        "venue": row.venue,
        "method": row.method,
        "arrived_ns": row.arrived_ns,
        "answered_ns": row.answered_ns,
        "error": row.error,
        "order_id": row.order_id,
        "fault": row.fault,
    }


def fault_row(fault: Fault) -> dict[str, Any]:
    """An armed fault, and how often it has struck."""
    return {
        "id": fault.fault_id,
        "kind": fault.kind,
        "when": fault.moment,
        "venue": fault.venue,
        "account": fault.account,
        "method": fault.method,
        "times": fault.times,
        "skip": fault.skip,
        "each_account": fault.each_account,
        "ends_at": fault.ends_at,
        "seconds": fault.seconds,
        "probability": fault.probability,
        "text": fault.text,
        "fraction": fault.fraction,
        "struck": fault.struck,
    }


def market_row(quote: Quote) -> dict[str, Any]:
    """A symbol at one venue."""
    instrument = quote.instrument
    return {
        "bid": quote.bid,
        "ask": quote.ask,
        "last": quote.last,
        "price": quote.price,
        "spread": quote.ask - quote.bid,
        "depth": quote.depth,
        "status": instrument.status,
        "minimum_size": instrument.minimum_size,
        "minimum_cost": instrument.minimum_cost,
        "price_step": instrument.price_step,
        "size_step": instrument.size_step,
    }


def socket_row(venue: str, wire: Wire) -> dict[str, Any]:
    """An open WebSocket connection: whom it tells what, with the last number of each channel."""
    return {
        "id": wire.number,
        "venue": venue,
        "accounts": sorted(wire.accounts),
        "channels": wire.channels,
        "sent": wire.sent,
        "silent": wire.silent_for_s > 0,
    }


def market_time_row(time: MarketTime, now: float) -> dict[str, Any]:
    """What time it is in the market at a unix time of the exchange's clock.

    `time` is always `started_at + (now - started_at) * speed`. What is at t in a file that is played is at t + `shift`
    in the market. The file was played from market time `began_at` on and ends at `ends_at`.
    """
    return {
        "started_at": time.started_at,
        "speed": time.speed,
        "time": time.at(now),
        "shift": time.shift,
        "began_at": time.began_at,
        "ends_at": time.ends_at,
    }
