"""What traded on an Alpaca account: the activities of the kind FILL, and the orders for the names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from bot.brokers.alpaca.client import AlpacaClient
from bot.brokers.alpaca.fees import fee_in, fee_of
from bot.brokers.alpaca.limits import FILLS_A_PAGE
from bot.brokers.alpaca.parse import moment_at, parse_next_offset, parse_orders
from bot.brokers.answers import amount_of, list_of, mapping_of, moment_of, text_of
from bot.brokers.base.executions import ExecutionMemory, ExecutionSearch, VenueFill
from bot.brokers.failures import NotFound
from bot.brokers.order_fields import side_of
from bot.domain.errors import VenueUnclear
from bot.domain.ids import TradeId, VenueOrderId
from bot.domain.money import ZERO
from bot.domain.orders import VenueOrder

#: Seconds before the moment that was asked for from when on fills are asked for: the venue leaves the moment out.
_MARGIN_S = 1.0
#: So many orders are asked for one by one; for more, a list of all of them costs less.
_FEW = 3


def parse_fills(result: Any, symbol_of: Callable[[str], str | None], fee_rate: Decimal = ZERO) -> list[VenueFill]:
    """The fills of a page (GET /v2/account/activities/FILL), in the venue's order.

    Sizes are before the fee, which is booked as an activity of its own, and worked out here.

    Args:
        symbol_of: the canonical symbol of a pair in any spelling; None where trades in it are to be left out: stocks.
        fee_rate: 0.0025 is 0.25 %; where it is zero no fee is told.

    Raises:
        VenueUnclear: it is no list, or one of them cannot be read.
    """
    found = []
    for entry in list_of(result, "activities"):
        row = mapping_of(entry, "an activity")
        trade_id = text_of(row, "id", "an activity")
        symbol = symbol_of(text_of(row, "symbol", trade_id))
        if symbol is None:
            continue
        side = side_of(text_of(row, "side", trade_id), trade_id)
        quantity, price = amount_of(row, "qty", trade_id), amount_of(row, "price", trade_id)
        found.append(
            VenueFill(
                trade_id=TradeId(trade_id),
                order_id=VenueOrderId(text_of(row, "order_id", trade_id)),
                symbol=symbol,
                side=side,
                quantity=quantity,
                price=price,
                fee=fee_of(side, quantity, quantity * price, fee_rate) if fee_rate else ZERO,
                fee_currency=fee_in(symbol, side) if fee_rate else "",
                time=moment_of(row.get("transaction_time"), f"transaction_time of {trade_id}").timestamp(),
                executed=amount_of(row, "cum_qty", trade_id),
                last=row.get("type") == "fill",
            )
        )
    return found


def parse_next_token(result: Any, token: str | None) -> str | None:
    """Where the next page of activities begins, asked for in rising order; None after the last one.

    Raises:
        VenueUnclear: the pages do not go on.
    """
    rows = list_of(result, "activities")
    if len(rows) < FILLS_A_PAGE:
        return None
    following = text_of(mapping_of(rows[-1], "an activity"), "id", "an activity")
    if following == token:
        raise VenueUnclear("the venue's pages of activities do not go on")
    return following


class AlpacaSearch(ExecutionSearch):
    """One question for executions, a call at a time; the fills themselves tell how much of their order is executed.

    Args:
        client: the account's own.
        since: unix seconds.
        fee_rate: the account's.
    """

    def __init__(self, client: AlpacaClient, since: float, memory: ExecutionMemory, fee_rate: Decimal = ZERO) -> None:
        super().__init__(max(since - _MARGIN_S, 0.0), memory)
        self._client = client
        self._fee_rate = fee_rate
        self._after = datetime.fromtimestamp(self._start, UTC)
        self._all_fills = False
        self._token: str | None = None
        # The list of orders: where its next page begins; whether there is one.
        self._offset = 0
        self._all_orders = False

    def _question(self) -> Callable[[], None] | None:
        if not self._all_fills:
            return self._ask_fills
        orders = self._unknown_orders()
        if len(orders) > _FEW and not self._all_orders:
            return partial(self._ask_orders, set(orders))
        # Those that were made before, and filled since, are in no list of new ones.
        return partial(self._ask_order, orders[0]) if orders else None

    def _ask_fills(self) -> None:
        answer = self._client.get_fills(self._after, self._token)
        following = parse_next_token(answer, self._token)
        self._note_fills(parse_fills(answer, self._memory.symbol_of, self._fee_rate))
        self._token, self._all_fills = following, following is None

    def _ask_orders(self, wanted: set[VenueOrderId]) -> None:
        answer = self._client.get_orders("all", self._after, moment_at(self._offset) if self._offset else None)
        following = parse_next_offset(answer, self._offset)
        self._note_orders([], (order for order in self._parsed(answer) if order.order_id in wanted))
        self._offset, self._all_orders = following or 0, following is None

    def _ask_order(self, wanted: VenueOrderId) -> None:
        try:
            self._note_orders([wanted], self._parsed([self._client.get_order(wanted)]))
        except NotFound:
            self._note_orders([wanted], [])

    def _parsed(self, rows: Any) -> list[VenueOrder]:
        # Fees of orders are worked out where they are needed.
        return parse_orders(rows, self._memory.market.canonical, ZERO)
