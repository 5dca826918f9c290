"""Coinbase's answers about orders, read into words of the domain. Pure: no clock, no network.

Shapes: Coinbase Advanced Trade REST docs, pages of the endpoints named in each docstring. What cannot be read raises
:class:`bot.domain.errors.VenueUnclear`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any

from bot.brokers.answers import amount_of, mapping_of, text_of
from bot.brokers.coinbase.errors import rejection_of
from bot.brokers.coinbase.reading import rows_of, time_of
from bot.brokers.order_fields import average_price_of, client_order_id_of, side_of, symbol_of
from bot.domain.errors import VenueUnclear
from bot.domain.ids import ClientOrderId, TradeId, VenueOrderId
from bot.domain.instruments import split_symbol
from bot.domain.money import ZERO
from bot.domain.orders import Fill, MarketOrder, OrderReport, VenueOrder

_FINAL_STATUSES = frozenset({"FILLED", "CANCELLED", "EXPIRED", "FAILED"})
_FILLED = "FILLED"
_NO_REASON = ("", "REJECT_REASON_UNSPECIFIED")
#: The venue's own sizes have no more decimals.
_FINEST = Decimal("1E-16")
_WIDE = Context(prec=60)
#: Share of an order by which its fills may miss it for having been rounded.
_ROUNDING = Decimal("0.000001")


def parse_order_id(answer: Any, name: ClientOrderId) -> VenueOrderId:
    """The id of the order just placed (Create Order), or of the one that was placed before under the same name.

    Raises:
        VenueRejected: the venue refused it.
        VenueUnclear: the answer names no order of that name, so nobody knows whether there is one.
    """
    row = mapping_of(answer, "the answer")
    if row.get("success") is False:
        raise rejection_of(row)
    placed = row.get("success_response")
    if row.get("success") is not True or not isinstance(placed, Mapping):
        raise VenueUnclear("the answer neither takes the order nor refuses it")
    order_id = placed.get("order_id")
    if not isinstance(order_id, str) or not order_id:
        raise VenueUnclear("the answer names no order")
    if placed.get("client_order_id") not in (None, "", name):
        raise VenueUnclear("the answer is about another order")
    return VenueOrderId(order_id)


def parse_found(answer: Any, order: MarketOrder, product_id: str) -> VenueOrderId | None:
    """The order of an order's name on a page (List Orders); None when it is not there.

    Raises:
        VenueUnclear: the page cannot be read, or the one of that name is something else.
    """
    for row in rows_of(answer, "orders"):
        if row.get("client_order_id") != order.client_order_id:
            continue
        if row.get("product_id") != product_id or str(row.get("side")).lower() != order.side.value:
            raise VenueUnclear(f"the order named {order.client_order_id} is {row.get('side')} {row.get('product_id')}")
        return VenueOrderId(text_of(row, "order_id", "an order"))
    return None


def parse_order(answer: Any, symbol: str) -> OrderReport:
    """What became of an order (Get Order), without its single fills.

    A buy's cost is without the fee, though what was asked to be spent has it inside.
    """
    row = _order_row(answer)
    order_id, status = text_of(row, "order_id", "an order"), text_of(row, "status", "an order")
    executed = amount_of(row, "filled_size", order_id, ZERO)
    cost = amount_of(row, "filled_value", order_id, ZERO)
    return OrderReport(
        order_id=VenueOrderId(order_id),
        executed=executed,
        average_price=average_price_of(amount_of(row, "average_filled_price", order_id, ZERO), executed, cost),
        cost=cost,
        fee=amount_of(row, "total_fees", order_id, ZERO),
        fee_currency=split_symbol(symbol)[1],
        # Filled with nothing is a row that trails behind its own status.
        final=status in _FINAL_STATUSES and (status != _FILLED or executed > 0),
        reason=_reason(row, status),
        complete=status == _FILLED,
    )


def parse_fill_count(answer: Any) -> int:
    """Of how many fills an order is made (Get Order); 0 when the venue does not say."""
    return int(amount_of(_order_row(answer), "number_of_fills", "an order", ZERO))


def parse_fill_time(answer: Any) -> float:
    """Unix seconds of an order's last fill, or else of its making (Get Order); 0 when the venue says neither."""
    row = _order_row(answer)
    return time_of(row.get("last_fill_time")) or time_of(row.get("created_time"))


def parse_fills(answer: Any, fee_currency: str) -> list[Fill]:
    """The fills of a page (List Fills)."""
    fills = []
    for row in rows_of(answer, "fills"):
        trade_id = text_of(row, "trade_id", "a fill")
        quantity, price = fill_quantity(row, trade_id)
        fee = amount_of(row, "commission", trade_id, ZERO)
        fills.append(
            Fill(
                TradeId(trade_id), quantity, price, quantity * price, fee, fee_currency, time_of(row.get("trade_time"))
            )
        )
    return fills


def fill_quantity(row: Mapping[str, Any], trade_id: str) -> tuple[Decimal, Decimal]:
    """Quantity and price of a fill (List Fills). Where ``size`` is in quote: what it bought at its price."""
    price, size = amount_of(row, "price", trade_id), amount_of(row, "size", trade_id)
    if price <= 0:
        raise VenueUnclear(f"the price of fill {trade_id} is {price} in the venue's answer")
    return _exact(size / price) if row.get("size_in_quote") is True else size, price


def with_fills(report: OrderReport, fills: Iterable[Fill], time: float) -> OrderReport:
    """The report with its fills, whose sums are the report's own.

    Sizes in quote divided by prices miss the sum by their last digits, and the venue rounds as well: the largest fill
    takes the rest. Without any fill, the order is told as one.
    """
    if report.executed <= 0:
        return report
    parts = list(fills)
    if not parts:
        whole = Fill(TradeId(report.order_id), ZERO, report.average_price, ZERO, ZERO, report.fee_currency, time)
        return replace(report, fills=(_with_rest(whole, [], report),))
    total = sum((fill.quantity for fill in parts), ZERO)
    if total and abs(total - report.executed) > report.executed * _ROUNDING:
        # Sizes in quote with the fee inside: what they are shares of is right all the same.
        parts = [replace(fill, quantity=_exact(fill.quantity * report.executed / total)) for fill in parts]
    largest = max(range(len(parts)), key=lambda place: parts[place].quantity)
    others = parts[:largest] + parts[largest + 1 :]
    parts[largest] = _with_rest(parts[largest], others, report)
    return replace(report, fills=tuple(parts))


def _with_rest(fill: Fill, others: list[Fill], report: OrderReport) -> Fill:
    return replace(
        fill,
        quantity=report.executed - sum((other.quantity for other in others), ZERO),
        cost=report.cost - sum((other.cost for other in others), ZERO),
        fee=report.fee - sum((other.fee for other in others), ZERO),
    )


def _exact(quantity: Decimal) -> Decimal:
    # Coins that cost next to nothing come in numbers whose digits the default context would not hold.
    return quantity.quantize(_FINEST, ROUND_DOWN, _WIDE)


def parse_orders(answer: Any, canonical: Callable[[str], str]) -> list[VenueOrder]:
    """Every order of a page (List Orders), in the venue's order.

    Args:
        canonical: the symbol of one of the venue's spellings; raises InvalidAmount when it is not listed.

    Raises:
        VenueUnclear: the answer has no such list, or one of its orders cannot be read.
    """
    return [_parse_listed(row, canonical) for row in rows_of(answer, "orders")]


def _parse_listed(row: Mapping[str, Any], canonical: Callable[[str], str]) -> VenueOrder:
    order_id = text_of(row, "order_id", "an order")
    side, product_id = text_of(row, "side", order_id), text_of(row, "product_id", order_id)
    executed = amount_of(row, "filled_size", order_id, ZERO)
    return VenueOrder(
        order_id=VenueOrderId(order_id),
        client_order_id=client_order_id_of(row.get("client_order_id")),
        symbol=symbol_of(product_id, canonical),
        side=side_of(side.lower(), order_id),
        quantity=_base_size(row, order_id, executed),
        executed=executed,
        cost=amount_of(row, "filled_value", order_id, ZERO),
        fee=amount_of(row, "total_fees", order_id, ZERO),
        open=text_of(row, "status", order_id) not in _FINAL_STATUSES,
        time=time_of(row.get("created_time")),
    )


def _base_size(row: Mapping[str, Any], order_id: str, executed: Decimal) -> Decimal:
    # The only entry is named by the order's type. One that is sized in quote has no base size but what it got.
    configuration = row.get("order_configuration")
    entries = configuration.values() if isinstance(configuration, Mapping) else ()
    sizes = [amount_of(entry, "base_size", order_id, ZERO) for entry in entries if isinstance(entry, Mapping)]
    return next((size for size in sizes if size), executed)


def _order_row(answer: Any) -> Mapping[str, Any]:
    return mapping_of(mapping_of(answer, "the answer").get("order"), "the order")


def _reason(row: Mapping[str, Any], status: str) -> str:
    if status not in _FINAL_STATUSES or status == _FILLED:
        return ""
    said = [str(row.get(name) or "") for name in ("reject_reason", "reject_message", "cancel_message")]
    return ": ".join(dict.fromkeys(text for text in said if text not in _NO_REASON)) or status.lower()
