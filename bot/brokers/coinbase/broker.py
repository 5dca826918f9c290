"""One Coinbase account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, ClassVar

from bot.brokers.base import BaseBroker, BrokerOptions, BrokerPorts
from bot.brokers.base.executions import ExecutionMemory
from bot.brokers.base.key import KeyReport
from bot.brokers.coinbase.client import CoinbaseClient, Params
from bot.brokers.coinbase.errors import is_about_the_instrument
from bot.brokers.coinbase.executions import CoinbaseSearch
from bot.brokers.coinbase.keys import key_report
from bot.brokers.coinbase.market import CoinbaseMarket
from bot.brokers.coinbase.orders import (
    parse_fill_count,
    parse_fill_time,
    parse_fills,
    parse_found,
    parse_order,
    parse_order_id,
    parse_orders,
    with_fills,
)
from bot.brokers.coinbase.parse import (
    parse_accounts,
    parse_cursor,
    parse_fee_rate,
    parse_permissions,
    parse_preview,
    parse_time,
)
from bot.brokers.coinbase.reading import rfc3339
from bot.brokers.departure import VenueCall
from bot.brokers.failures import NotFound
from bot.brokers.fee_rate import FeeRate
from bot.brokers.market.steps import MarketSteps
from bot.brokers.order_fields import smallest_size
from bot.brokers.worth import equity_of
from bot.domain.enums import BrokerType, Side
from bot.domain.errors import AccountBarred, InvalidAmount, RateLimited, VenueRejected, VenueUnclear
from bot.domain.ids import AccountId, ClientOrderId, VenueOrderId
from bot.domain.money import ZERO, plain
from bot.domain.orders import AccountBalances, Fill, MarketOrder, OrderReport, VenueOrder
from bot.domain.ports import ExecutionListener, ExecutionStream

#: Assumed until the venue has told the account's own rate: the dearest tier for takers, 1.20 %.
_FEE_RATE_UNTIL_KNOWN = Decimal("0.012")

_ACCOUNTS_A_PAGE = 250
_ORDERS_A_PAGE = 50
_FILLS_A_PAGE = 100
#: Pages after which no list of the venue can be an honest one any more.
_MOST_PAGES = 400

#: Seconds before an order was decided from when on it is looked for: clocks differ, and absence has to be certain.
_LOOK_BACK_S = 3600.0
#: The list of fills trails behind its order by some hundredths of a second. Seconds for which it is waited for.
_FILLS_TRAIL_S = 5.0


class CoinbaseBroker(MarketSteps, BaseBroker):
    """Speaks for one Coinbase account (one portfolio) through its own client; shares the process's market data.

    Args:
        account: whose.
        client: the account's own; one key, one client.
        market: symbols, instruments and prices, shared by all Coinbase accounts.
        stream_url: of the user socket; None for no socket.
    """

    venue = BrokerType.COINBASE
    _market: CoinbaseMarket
    names_are_unique_for_good: ClassVar[bool] = True
    validates_orders = True

    def __init__(
        self,
        account: AccountId,
        client: CoinbaseClient,
        market: CoinbaseMarket,
        ports: BrokerPorts,
        options: BrokerOptions | None = None,
        stream_url: str | None = None,
    ) -> None:
        super().__init__(account, ports, options)
        self._stream_url = stream_url
        self._client = client
        self._market = market
        self._memory = ExecutionMemory(account, market)
        self._fee_rate = FeeRate(account, _FEE_RATE_UNTIL_KNOWN, self._ask_fee_rate, ports.clock)
        # Where the pages of a listing begin: (since, orders before it) -> the venue's cursor.
        self._cursors: dict[tuple[float, int], str] = {}

    # -- the account ---------------------------------------------------------------------------------------------

    def _venue_connect(self) -> None:
        self._market.ensure_loaded()
        self._admit_key()
        self._fee_rate.refresh()

    def _venue_key(self) -> KeyReport:
        return key_report(parse_permissions(self._client.get("/key_permissions")))

    def _venue_time(self) -> float:
        return parse_time(self._client.get_public("/time"))

    def _venue_validate(self, symbol: str) -> str | None:
        price = self._venue_price(symbol, Side.BUY, self._options.fresh_s)
        instrument = self._venue_instrument(symbol)
        quantity = smallest_size(instrument, price)
        spent = max(quantity * price, instrument.minimum_cost)
        order = MarketOrder(self.account, ClientOrderId(""), symbol, Side.BUY, quantity, price, quote_value=spent)
        body = self._body(order)
        del body["client_order_id"]
        try:
            return parse_preview(self._client.preview_order(body)) or None
        except (AccountBarred, RateLimited):
            raise
        except VenueRejected as error:
            return error.code

    def _ask_fee_rate(self) -> Decimal:
        return parse_fee_rate(self._client.get("/transaction_summary", {"product_type": "SPOT"}))

    def _venue_balances(self) -> AccountBalances:
        at = self._ports.clock.time()
        available: dict[str, Decimal] = {}
        held: dict[str, Decimal] = {}
        for page in self._pages("/accounts", {"limit": _ACCOUNTS_A_PAGE}):
            for code, free, bound in parse_accounts(page):
                available[code] = available.get(code, ZERO) + free
                if bound:
                    held[code] = held.get(code, ZERO) + bound
        equity = equity_of((available, held), self._market.usd_price)
        return AccountBalances(available, held, equity, self._fee_rate.value, at)

    # -- the market ----------------------------------------------------------------------------------------------

    def _venue_symbol(self, symbol: str) -> str:
        self._market.ensure_loaded()
        return self._market.canonical(symbol)

    # -- placing -------------------------------------------------------------------------------------------------

    def _venue_prepare(self, order: MarketOrder) -> VenueCall:
        call = self._client.prepare_order(self._body(order))
        return VenueCall(call.send, lambda: self._order_id(order, call.result), call.discard)

    def _body(self, order: MarketOrder) -> dict[str, Any]:
        try:
            product = self._market.product(order.symbol)
        except InvalidAmount as error:
            raise VenueRejected(f"nothing was sent: {error}") from error
        if order.side is Side.BUY:
            # What is spent in all, the fee inside: an account never pays more than was planned.
            spent = product.instrument.floor_value(order.quote_value or order.quantity * order.price)
            size = {"quote_size": plain(spent)}
        else:
            size = {"base_size": plain(order.quantity)}
        return {
            "client_order_id": order.client_order_id,
            "product_id": product.product_id,
            "side": order.side.value.upper(),
            "order_configuration": {"market_market_ioc": size},
        }

    def _order_id(self, order: MarketOrder, answer: Callable[[], Any]) -> VenueOrderId:
        try:
            return parse_order_id(answer(), order.client_order_id)
        except VenueRejected as error:
            if is_about_the_instrument(error):
                self._market.request_instrument_refresh()
            raise

    # -- looking up ----------------------------------------------------------------------------------------------

    def _venue_find(self, order: MarketOrder) -> VenueOrderId | None:
        # There is no look-up by client order id. No filter for states: orders that wait would slip through it.
        product_id = self._market.product(order.symbol).product_id
        params: dict[str, str | int | list[str] | None] = {"product_ids": [product_id], "limit": _ORDERS_A_PAGE}
        if order.made_at:
            params["start_date"] = rfc3339(order.made_at - _LOOK_BACK_S)
        for page in self._pages("/orders/historical/batch", params):
            found = parse_found(page, order, product_id)
            if found:
                return found
        return None

    def _venue_provable_at_ns(self) -> int:
        # The venue has no deadline for orders. What comes nearest is the life of the token that a request carries: once
        # it is over, the request is refused wherever it was held up. So orders carry one that lives a few seconds, not
        # the SDK's two minutes; past it, an order that is not listed was never taken.
        return self._client.orders_end_ns + int(self._options.settle_s * 1e9)

    def _venue_report(self, order: MarketOrder, order_id: VenueOrderId) -> OrderReport | None:
        try:
            answer = self._client.get(f"/orders/historical/{order_id}")
        except NotFound:
            return None
        report = parse_order(answer, order.symbol)
        if not report.final or report.executed <= 0:
            return report
        count, time = parse_fill_count(answer), parse_fill_time(answer)
        fills = self._fills(order_id, report.fee_currency, count)
        if fills is None and abs(self._ports.clock.time() - time) < _FILLS_TRAIL_S:
            return None
        # Without the single fills the order is told as one: sums are exact, the split is not known.
        return with_fills(report, fills or (), time)

    def _fills(self, order_id: VenueOrderId, fee_currency: str, count: int) -> list[Fill] | None:
        found: dict[str, Fill] = {}
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            params: Params = {"order_ids": [order_id], "limit": _FILLS_A_PAGE, "cursor": cursor}
            page = self._client.get("/orders/historical/fills", params)
            fills = parse_fills(page, fee_currency)
            found.update((fill.trade_id, fill) for fill in fills)
            # Pages of fills do not say which is the last: a cursor comes with every one.
            cursor = page.get("cursor") or None
            if not fills or cursor is None or (count and len(found) >= count):
                return list(found.values()) if found and len(found) >= count else None
        raise VenueUnclear(f"the fills of order {order_id} have no end")

    def _venue_orders(self, since: float, offset: int) -> tuple[list[VenueOrder], int | None]:
        found: list[VenueOrder] = []
        cursor: str | None = None
        if offset:
            cursor = self._cursors.get((since, offset))
            if cursor is None:
                raise VenueUnclear("the place in the venue's list of orders is lost; ask for it from its beginning")
        else:
            for page in self._pages("/orders/historical/batch", {"order_status": ["OPEN"], "limit": _ORDERS_A_PAGE}):
                found += parse_orders(page, self._market.canonical)
        start = rfc3339(since) if since > 0 else None
        params: Params = {"start_date": start, "limit": _ORDERS_A_PAGE, "cursor": cursor}
        answer = self._client.get("/orders/historical/batch", params)
        orders = parse_orders(answer, self._market.canonical)
        self._cursors.pop((since, offset), None)
        following = parse_cursor(answer)
        if following is None:
            return found + orders, None
        place = offset + max(len(orders), 1)
        self._cursors[since, place] = following
        return found + orders, place

    def _venue_executions(self, since: float) -> CoinbaseSearch:
        return CoinbaseSearch(self._client, since, self._memory)

    def open_stream(self, listener: ExecutionListener) -> ExecutionStream | None:
        """The user socket, not started; None where there is no address for it."""
        if self._stream_url is None:
            return None
        # Only who listens needs what sockets need.
        from bot.brokers.coinbase.stream import CoinbaseOrders

        token, clock = self._client.socket_token, self._ports.clock
        return CoinbaseOrders(self.account, self._stream_url, token, self._venue_symbol, listener, clock)

    def _pages(self, path: str, params: Params) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = self._client.get(path, {**params, "cursor": cursor})
            yield page
            cursor = parse_cursor(page)
            if cursor is None:
                return
        raise VenueUnclear(f"the venue's pages of {path.rpartition('/')[2]} have no end")

    # -- keeping house -------------------------------------------------------------------------------------------

    def _venue_read_delay(self) -> float:
        # An order and its fills.
        return self._client.read_delay(2)

    def _venue_find_delay(self) -> float:
        return self._client.read_delay(2)

    def _venue_housekeep(self) -> None:
        self._fee_rate.refresh_if_due()

    def _venue_close(self) -> None:
        self._client.close()
