"""Kraken's answers about orders and trades, read into words of the domain. Pure: no clock, no network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bot.brokers.answers import amount_of, mapping_of, text_of, whole_of
from bot.brokers.order_fields import average_price_of, client_order_id_of, side_of, symbol_of
from bot.domain.errors import VenueUnclear
from bot.domain.ids import TradeId, VenueOrderId
from bot.domain.money import ZERO
from bot.domain.orders import Fill, MarketOrder, OrderReport, VenueOrder

_log = logging.getLogger("nija.kraken")

_FINAL_STATUSES = frozenset({"closed", "canceled", "expired"})
#: Kraken REST docs, ClosedOrders and TradesHistory.
_ROWS_A_PAGE = 50
#: Key of a list in an answer -> what is in it.
_NAMES = {"open": "open orders", "closed": "closed orders", "trades": "trades"}


def parse_order_id(result: Any) -> VenueOrderId:
    """The id of the order just placed (AddOrder).

    Raises:
        VenueUnclear: the answer names none, so nobody knows whether there is one.
    """
    ids = result.get("txid") if isinstance(result, Mapping) else None
    if not isinstance(ids, list) or not ids or not isinstance(ids[0], str) or not ids[0]:
        raise VenueUnclear("the answer names no order")
    return VenueOrderId(ids[0])


def parse_order_ids(result: Any, key: str, order: MarketOrder) -> list[VenueOrderId]:
    """Ids of the orders that carry an order's own client order id (OpenOrders, ClosedOrders, asked with ``cl_ord_id``).

    Args:
        key: ``open`` or ``closed``.

    Raises:
        VenueUnclear: the answer has no such list, so it says nothing.
    """
    return [VenueOrderId(txid) for txid, row in _listed(result, key).items() if _is_of(row, order)]


def parse_orders(result: Any, key: str, canonical: Callable[[str], str]) -> list[VenueOrder]:
    """Every order of a list (OpenOrders, ClosedOrders), in the venue's order.

    Args:
        key: ``open`` or ``closed``.
        canonical: the symbol of one of the venue's spellings; raises InvalidAmount when it is not listed.

    Raises:
        VenueUnclear: the answer has no such list, or one of its orders cannot be read.
    """
    return [_parse_listed(txid, row, canonical) for txid, row in _listed(result, key).items()]


def parse_queried_orders(result: Any, canonical: Callable[[str], str]) -> list[VenueOrder]:
    """The orders that were asked for by their ids and that the venue shows (QueryOrders), as :func:`parse_orders`."""
    return [_parse_listed(txid, row, canonical) for txid, row in mapping_of(result, "QueryOrders").items()]


def parse_trade_ids(order: Any) -> list[TradeId]:
    """What an order is made of (QueryOrders with ``trades``); empty where the venue does not tell."""
    listed = mapping_of(order, "an order").get("trades")
    return [TradeId(str(trade_id)) for trade_id in listed] if isinstance(listed, list) else []


def parse_next_offset(result: Any, offset: int, key: str = "closed") -> int | None:
    """Where the next page begins (ClosedOrders, TradesHistory: 50 a page); None after the last one.

    Args:
        key: of the rows, ``closed`` or ``trades``.
    """
    rows = _listed(result, key)
    following = offset + len(rows)
    there_is_more = (
        len(rows) >= _ROWS_A_PAGE
        if result.get("count") is None
        else following < whole_of(result["count"], f"the count of {_NAMES[key]}")
    )
    return following if rows and there_is_more else None


def _listed(result: Any, key: str) -> Mapping[str, Any]:
    rows = result.get(key) if isinstance(result, Mapping) else None
    if not isinstance(rows, Mapping):
        raise VenueUnclear(f"the answer has no {_NAMES[key]}")
    return rows


def _parse_listed(txid: str, order: Any, canonical: Callable[[str], str]) -> VenueOrder:
    row = mapping_of(order, f"order {txid}")
    described = mapping_of(row.get("descr"), f"descr of order {txid}")
    return VenueOrder(
        order_id=VenueOrderId(txid),
        client_order_id=client_order_id_of(row.get("cl_ord_id")),
        symbol=symbol_of(text_of(described, "pair", txid), canonical),
        side=side_of(text_of(described, "type", txid), txid),
        quantity=amount_of(row, "vol", txid),
        executed=amount_of(row, "vol_exec", txid),
        cost=amount_of(row, "cost", txid),
        fee=amount_of(row, "fee", txid, ZERO),
        open=text_of(row, "status", txid) not in _FINAL_STATUSES,
        time=_seconds(row, "opentm"),
    )


def _is_of(row: Any, order: MarketOrder) -> bool:
    name = row.get("cl_ord_id") if isinstance(row, Mapping) else None
    if name:
        return bool(name == order.client_order_id)
    # Only what was asked for is in the answer, but where the name is left out side and size must fit as well.
    described = mapping_of(mapping_of(row, "an order").get("descr"), "an order's descr")
    return described.get("type") == order.side.value and amount_of(row, "vol", "an order") == order.quantity


def parse_order(txid: str, order: Any, trades: Any = None, *, symbol: str = "") -> OrderReport:
    """What became of an order (QueryOrders, OpenOrders, ClosedOrders).

    Args:
        txid: the key it stands under.
        order: the row.
        trades: result of QueryTrades, needed for the single fills when there are several.
        symbol: canonical; names the currency of the fee.
    """
    row = mapping_of(order, f"order {txid}")
    executed, cost = amount_of(row, "vol_exec", txid), amount_of(row, "cost", txid)
    status = text_of(row, "status", txid)
    report = OrderReport(
        order_id=VenueOrderId(txid),
        executed=executed,
        average_price=average_price_of(amount_of(row, "price", txid, ZERO), executed, cost),
        cost=cost,
        fee=amount_of(row, "fee", txid, ZERO),
        fee_currency=fee_currency_of(row, symbol),
        final=status in _FINAL_STATUSES,
        reason=_reason(row, status),
    )
    fills = _fills_of(row, report, trades) if executed > 0 else ()
    return replace(report, fills=fills)


def parse_trade(trade_id: str, trade: Any, fee_currency: str = "") -> Fill:
    """One trade (QueryTrades, TradesHistory)."""
    row = mapping_of(trade, f"trade {trade_id}")
    return Fill(
        trade_id=TradeId(trade_id),
        quantity=amount_of(row, "vol", trade_id),
        price=amount_of(row, "price", trade_id),
        cost=amount_of(row, "cost", trade_id),
        fee=amount_of(row, "fee", trade_id, ZERO),
        fee_currency=fee_currency,
        time=_seconds(row, "time"),
    )


def fee_currency_of(row: Mapping[str, Any], symbol: str) -> str:
    """In which currency of a canonical symbol the fees of an order are: the quote, unless its flags say otherwise."""
    base, _, quote = symbol.partition("-")
    return base if "fcib" in str(row.get("oflags") or "").split(",") else quote


def _reason(row: Mapping[str, Any], status: str) -> str:
    reason = str(row.get("reason") or "")
    return reason or (status if status in ("canceled", "expired") else "")


def _fills_of(row: Mapping[str, Any], report: OrderReport, trades: Any) -> tuple[Fill, ...]:
    trade_ids = parse_trade_ids(row)
    known = trades if isinstance(trades, Mapping) else {}
    if trade_ids and all(trade_id in known for trade_id in trade_ids):
        return tuple(parse_trade(trade_id, known[trade_id], report.fee_currency) for trade_id in trade_ids)
    # Without the single trades the order is told as one: sums are exact, the split is not known.
    trade_id = trade_ids[0] if len(trade_ids) == 1 else report.order_id
    time = _seconds(row, "closetm") or _seconds(row, "opentm")
    return (
        Fill(
            TradeId(trade_id), report.executed, report.average_price, report.cost, report.fee, report.fee_currency, time
        ),
    )


def _seconds(row: Mapping[str, Any], name: str) -> float:
    return float(amount_of(row, name, name, ZERO))
