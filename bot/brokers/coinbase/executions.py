"""What traded on a Coinbase account: List Fills, and List Orders for the names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bot.brokers.answers import amount_of, moment_of, text_of
from bot.brokers.base.executions import ExecutionMemory, ExecutionSearch, VenueFill, chained
from bot.brokers.coinbase.client import CoinbaseClient, Params
from bot.brokers.coinbase.orders import fill_quantity, parse_orders
from bot.brokers.coinbase.reading import rfc3339, rows_of
from bot.brokers.order_fields import side_of
from bot.domain.errors import VenueUnclear
from bot.domain.executions import Execution
from bot.domain.ids import TradeId, VenueOrderId
from bot.domain.instruments import split_symbol
from bot.domain.money import ZERO
from bot.domain.orders import VenueOrder

_FILLS_A_PAGE = 100
#: Ids travel in the address of a GET.
_ORDERS_A_CALL = 40
#: Pages after which no list of fills can be an honest one any more.
_MOST_PAGES = 400
#: Seconds before the moment that was asked for from when on fills are asked for: moments are cut to the millisecond.
_MARGIN_S = 1.0


def parse_venue_fills(answer: Any, symbol_of: Callable[[str], str | None], number: int = 0) -> list[VenueFill]:
    """The fills of a page (List Fills), newest first, as the venue lists them.

    Args:
        symbol_of: the canonical symbol of a product's id; None where trades in it are to be left out: futures.
        number: of the first of them; they count down.

    Raises:
        VenueUnclear: one of them cannot be read.
    """
    found = []
    for place, row in enumerate(rows_of(answer, "fills")):
        trade_id = text_of(row, "trade_id", "a fill")
        # Beside trades there are corrections of them, which the order's own sums have.
        if row.get("trade_type", "FILL") != "FILL":
            continue
        symbol = symbol_of(text_of(row, "product_id", trade_id))
        if symbol is None:
            continue
        quantity, price = fill_quantity(row, trade_id)
        found.append(
            VenueFill(
                trade_id=TradeId(trade_id),
                order_id=VenueOrderId(text_of(row, "order_id", trade_id)),
                symbol=symbol,
                side=side_of(text_of(row, "side", trade_id).lower(), trade_id),
                quantity=quantity,
                price=price,
                time=moment_of(row.get("trade_time"), f"trade_time of {trade_id}").timestamp(),
                fee=amount_of(row, "commission", trade_id, ZERO),
                fee_currency=split_symbol(symbol)[1],
                number=number - place,
                exact=row.get("size_in_quote") is not True,
            )
        )
    return found


class CoinbaseSearch(ExecutionSearch):
    """One question for executions, a call at a time.

    Each fill's ``executed`` is counted up from the first one of its order: of an order that began before, all fills are
    asked for. Of one that is sized in quote the venue tells exactly only how much is executed in all, so it is told as
    one execution, from its beginning.

    Args:
        client: the account's own.
        since: unix seconds.
    """

    def __init__(self, client: CoinbaseClient, since: float, memory: ExecutionMemory) -> None:
        super().__init__(max(since - _MARGIN_S, 0.0), memory)
        self._client = client
        self._listed = False
        self._cursor: str | None = None
        self._pages = 0
        self._number = 0
        # Orders whose fills were all asked for, and those whose fills are just being asked for.
        self._whole: set[VenueOrderId] = set()
        self._asking: list[VenueOrderId] = []

    def _question(self) -> Callable[[], None] | None:
        if not self._listed:
            return self._ask_fills
        if orders := self._unknown_orders():
            return partial(self._ask_orders, orders[:_ORDERS_A_CALL])
        if orders := self._asking or self._began_earlier()[:_ORDERS_A_CALL]:
            return partial(self._ask_whole, orders)
        return None

    def _ask_fills(self) -> None:
        self._listed = not self._ask_page({"start_sequence_timestamp": rfc3339(self._start)})

    def _ask_whole(self, wanted: list[VenueOrderId]) -> None:
        self._asking = wanted
        if not self._ask_page({"order_ids": list(wanted)}):
            self._whole.update(wanted)
            self._asking = []

    def _ask_page(self, of: Params) -> bool:
        """Ask for the next page of fills; whether there is another one."""
        answer = self._client.get("/orders/historical/fills", {**of, "limit": _FILLS_A_PAGE, "cursor": self._cursor})
        fills = parse_venue_fills(answer, self._memory.symbol_of, self._number)
        rows = rows_of(answer, "fills")
        self._note_fills(fills)
        self._number -= len(rows)
        self._pages += 1
        if self._pages > _MOST_PAGES:
            raise VenueUnclear("the venue's pages of fills have no end")
        # Pages of fills do not say which is the last: a cursor comes with every one.
        self._cursor = (answer.get("cursor") or None) if rows else None
        return self._cursor is not None

    def _ask_orders(self, wanted: list[VenueOrderId]) -> None:
        params: Params = {"order_ids": list(wanted), "limit": len(wanted)}
        orders = parse_orders(self._client.get("/orders/historical/batch", params), self._memory.market.canonical)
        # One that has fills and says that nothing is executed trails behind them.
        self._note_orders(wanted, (order for order in orders if order.executed > 0))

    def _began_earlier(self) -> list[VenueOrderId]:
        exact = dict.fromkeys(fill.order_id for fill in self._fills.values() if fill.exact)
        return [one for one in exact if one not in self._whole and self._began_before(self._orders[one])]

    def _of_order(self, order: VenueOrder, fills: list[VenueFill]) -> list[Execution]:
        if not all(fill.exact for fill in fills):
            return [self._as_one(order, fills)]
        executions = chained(self._account, order, fills, ZERO)
        return [execution for execution in executions if execution.time > self._start]

    def _as_one(self, order: VenueOrder, fills: list[VenueFill]) -> Execution:
        last, prices = fills[-1], {fill.price for fill in fills}
        return Execution(
            account=self._account,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            symbol=last.symbol,
            side=last.side,
            quantity=order.executed,
            price=last.price if len(prices) == 1 else order.cost / order.executed,
            executed=order.executed,
            time=last.time,
            fee=order.fee,
            fee_currency=last.fee_currency,
            complete=not order.open,
        )
