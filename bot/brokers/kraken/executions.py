"""What traded on a Kraken account: TradesHistory, QueryOrders for the names, QueryTrades for what fills began with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from bot.brokers.answers import amount_of, mapping_of, text_of, whole_of
from bot.brokers.base.executions import ExecutionMemory, ExecutionSearch, VenueFill, chained
from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.orders import fee_currency_of, parse_next_offset, parse_queried_orders, parse_trade_ids
from bot.brokers.order_fields import side_of
from bot.domain.executions import Execution
from bot.domain.ids import TradeId, VenueOrderId
from bot.domain.instruments import split_symbol
from bot.domain.money import ZERO
from bot.domain.orders import VenueOrder

#: Kraken REST docs, QueryOrders and QueryTrades.
_ORDERS_A_CALL = 50
TRADES_A_CALL = 20
#: Kraken tells what one order took from several others as one trade, unless it is told not to: only then are ids those
#: of its socket, and the same in all answers.
_SINGLE_TRADES = {"consolidate_taker": "false"}
#: Leverage of a trade without any.
_NO_LEVERAGE = ("", "0", "none")


def parse_fills(rows: Any, symbol_of: Callable[[str], str | None]) -> list[VenueFill]:
    """The spot trades of an answer (``trades`` of TradesHistory; QueryTrades), in the venue's order.

    Those on margin are left out: they move no coins of the account.

    Args:
        symbol_of: the canonical symbol of a pair's id; None where trades in it are to be left out.

    Raises:
        VenueUnclear: one of them cannot be read.
    """
    found = []
    for trade_id, trade in mapping_of(rows, "trades").items():
        row = mapping_of(trade, f"trade {trade_id}")
        symbol = None if _is_on_margin(row, trade_id) else symbol_of(text_of(row, "pair", trade_id))
        if symbol is not None:
            found.append(_parse_fill(trade_id, row, symbol))
    return found


def _parse_fill(trade_id: str, row: Mapping[str, Any], symbol: str) -> VenueFill:
    return VenueFill(
        trade_id=TradeId(trade_id),
        order_id=VenueOrderId(text_of(row, "ordertxid", trade_id)),
        symbol=symbol,
        side=side_of(text_of(row, "type", trade_id), trade_id),
        quantity=amount_of(row, "vol", trade_id),
        price=amount_of(row, "price", trade_id),
        time=float(amount_of(row, "time", trade_id)),
        fee=amount_of(row, "fee", trade_id, ZERO),
        fee_currency=split_symbol(symbol)[1],
        number=whole_of(row.get("trade_id"), f"trade_id of {trade_id}"),
    )


def _is_on_margin(row: Mapping[str, Any], trade_id: str) -> bool:
    # A trade that opens a position names its margin and its leverage; one that closes it may name neither.
    return (
        amount_of(row, "margin", trade_id, ZERO) != 0
        or str(row.get("leverage") or "") not in _NO_LEVERAGE
        or "posstatus" in row
        or "closing" in str(row.get("misc") or "").split(",")
        or row.get("ordertype") == "settle-position"
    )


class KrakenSearch(ExecutionSearch):
    """One question for executions, a call at a time.

    Each fill's ``executed`` is counted up from the first one of its order. QueryOrders names an order's trades: those
    of one that began before, and that were not listed for having been earlier, or for having come between the two
    calls, are asked for by their ids, and once only.

    Args:
        client: the account's own.
        since: unix seconds.
    """

    def __init__(self, client: KrakenClient, since: float, memory: ExecutionMemory) -> None:
        # `start` leaves its own moment out, and is whole seconds here.
        super().__init__(max(int(since) - 1, 0), memory)
        self._client = client
        self._offset: int | None = 0
        self._trades: dict[VenueOrderId, list[TradeId]] = {}
        self._hidden: list[TradeId] = []

    def _question(self) -> Callable[[], None] | None:
        if self._offset is not None:
            return partial(self._ask_fills, self._offset)
        orders = self._unknown_orders() or self._orders_without_trades()
        if orders:
            return partial(self._ask_orders, orders[:_ORDERS_A_CALL])
        trades = self._unknown_trades()
        return partial(self._ask_trades, trades[:TRADES_A_CALL]) if trades else None

    @property
    def missing(self) -> str:
        """Orders or trades that the venue did not show when it was asked for them."""
        return super().missing or (f"the trade {self._hidden[0]}" if self._hidden else "")

    def _ask_fills(self, offset: int) -> None:
        fields: dict[str, str | int] = {"start": int(self._start), "ofs": offset, **_SINGLE_TRADES}
        answer = self._client.query_private("TradesHistory", fields)
        following = parse_next_offset(answer, offset, "trades")
        self._take(answer["trades"])
        # Newest first: what trades meanwhile moves the others to later pages, so that none is passed over.
        self._offset = following

    def _ask_orders(self, wanted: list[VenueOrderId]) -> None:
        answer = self._client.query_private(
            "QueryOrders", {"txid": ",".join(wanted), "trades": "true", **_SINGLE_TRADES}
        )
        orders = parse_queried_orders(answer, self._memory.market.canonical)
        for order in orders:
            row = answer[order.order_id]
            self._trades[order.order_id] = parse_trade_ids(row)
            self._note_fee_currency(order, fee_currency_of(row, order.symbol))
        self._note_orders(wanted, orders)

    def _ask_trades(self, wanted: list[TradeId]) -> None:
        answer = mapping_of(self._client.query_private("QueryTrades", {"txid": ",".join(wanted)}), "QueryTrades")
        self._take(answer)
        self._hidden = [trade_id for trade_id in wanted if trade_id not in self._fills]

    def _take(self, rows: Any) -> None:
        known = self._memory.fills
        fills = parse_fills(rows, self._memory.symbol_of)
        # What was learnt of a fill before has the currency of its fee.
        self._note_fills([known.get(fill.trade_id, fill) for fill in fills])

    def _note_fills(self, fills: Iterable[VenueFill]) -> None:
        listed = list(fills)
        super()._note_fills(listed)
        self._memory.note_fills(listed)

    def _note_fee_currency(self, order: VenueOrder, currency: str) -> None:
        of_order = [fill for fill in self._fills.values() if fill.order_id == order.order_id]
        self._note_fills([replace(fill, fee_currency=currency) for fill in of_order if fill.fee_currency != currency])

    def _orders_without_trades(self) -> list[VenueOrderId]:
        old = [order for order in self._orders.values() if self._began_before(order)]
        return [order.order_id for order in old if order.order_id not in self._trades]

    def _unknown_trades(self) -> list[TradeId]:
        wanted = [
            trade_id
            for order_id, trade_ids in self._trades.items()
            if self._began_before(self._orders[order_id])
            for trade_id in trade_ids
        ]
        known = self._memory.fills
        super()._note_fills(known[trade_id] for trade_id in wanted if trade_id in known)
        return [trade_id for trade_id in wanted if trade_id not in self._fills]

    def _of_order(self, order: VenueOrder, fills: list[VenueFill]) -> list[Execution]:
        if not self._began_before(order):
            return chained(self._account, order, fills, ZERO)
        # What is not among its trades, as the venue names them, is among its sum all the same.
        named = set(self._trades[order.order_id]) or {fill.trade_id for fill in fills}
        before = order.executed - sum((fill.quantity for fill in fills if fill.trade_id in named), ZERO)
        executions = chained(self._account, order, fills, max(before, ZERO))
        return [execution for execution in executions if execution.time > self._start]
