"""One Alpaca account."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

from bot.brokers.alpaca.client import AlpacaClient
from bot.brokers.alpaca.errors import is_minimum_not_met
from bot.brokers.alpaca.executions import AlpacaSearch
from bot.brokers.alpaca.fees import HIGHEST_RATE
from bot.brokers.alpaca.limits import LISTING_CALLS
from bot.brokers.alpaca.market import AlpacaMarket
from bot.brokers.alpaca.parse import (
    AccountInfo,
    moment_at,
    parse_account,
    parse_balances,
    parse_next_offset,
    parse_order,
    parse_order_id,
    parse_orders,
    parse_time,
)
from bot.brokers.base import BaseBroker, BrokerOptions, BrokerPorts
from bot.brokers.base.executions import ExecutionMemory
from bot.brokers.base.key import KeyReport
from bot.brokers.departure import VenueCall
from bot.brokers.failures import NotFound
from bot.brokers.market.steps import MarketSteps
from bot.domain.enums import BrokerType
from bot.domain.errors import AccountBarred, MarketClosed, VenueRejected, VenueUnclear
from bot.domain.ids import AccountId, VenueOrderId
from bot.domain.money import plain
from bot.domain.orders import AccountBalances, MarketOrder, OrderReport, VenueOrder
from bot.domain.ports import ExecutionListener, ExecutionStream

_log = logging.getLogger("nija.alpaca")

#: Where keys are made.
_SETTINGS_PAGE = "Alpaca's dashboard, API Keys (https://app.alpaca.markets)"


class AlpacaBroker(MarketSteps, BaseBroker):
    """Speaks for one Alpaca account through its own client; shares the market data of its process.

    Args:
        account: whose.
        client: the account's own; one key, one client.
        market: symbols, instruments and prices, shared by all Alpaca accounts.
        lands_within_s: how long after it was sent the venue may still take an order whose answer was lost. Alpaca knows
            no deadline; what lands later still is the same order under the same name.
        stream_url: of the socket; None for no socket.
    """

    venue = BrokerType.ALPACA
    _market: AlpacaMarket
    names_are_unique_for_good: ClassVar[bool] = True

    def __init__(
        self,
        account: AccountId,
        client: AlpacaClient,
        market: AlpacaMarket,
        ports: BrokerPorts,
        options: BrokerOptions | None = None,
        lands_within_s: float = 10.0,
        stream_url: str | None = None,
    ) -> None:
        super().__init__(account, ports, options)
        self._stream_url = stream_url
        self._client = client
        self._market = market
        self._memory = ExecutionMemory(account, market)
        self._lands_within_ns = int(lands_within_s * 1e9)
        self._fee_rate = HIGHEST_RATE
        # An earlier process may have sent an order just before it ended.
        self._may_land_until_ns = ports.clock.monotonic_ns() + self._lands_within_ns

    def _venue_connect(self) -> None:
        self._client.start_afresh()
        self._admit_key()
        self._market.ensure_loaded(self._client.get_assets)
        _log.info("%s: ALPACA %s account", self.account, "PAPER" if self._client.paper else "LIVE")

    def _venue_key(self) -> KeyReport:
        # The venue has no permissions to tell, and no way to withdraw coins with such a key.
        if self._client.paper and self._client.is_live_key:
            raise AccountBarred(
                "the API key is one for real money, and paper is meant; set the key of the paper account, "
                "or PAPER=false for this account"
            )
        self._account_info()
        kind = "paper" if self._client.paper else "live"
        return KeyReport(
            permissions=frozenset(),
            settings_page=_SETTINGS_PAGE,
            notes=(f"a {kind} account, not blocked; Alpaca does not tell what a key may do",),
        )

    def _venue_time(self) -> float:
        return parse_time(self._client.get_clock())

    def _account_info(self) -> AccountInfo:
        info = parse_account(self._client.get_account())
        if info.trouble:
            raise AccountBarred(f"Alpaca: {info.trouble}")
        self._fee_rate = info.fee_rate
        return info

    def _venue_balances(self) -> AccountBalances:
        at = self._ports.clock.time()
        return parse_balances(self._account_info(), self._client.get_positions(), self._market.coin_of, at)

    def _venue_symbol(self, symbol: str) -> str:
        if not self._market.loaded:
            raise VenueUnclear(f"{self.account} is not connected: {self.status}")
        return self._market.canonical(symbol)

    def _venue_prepare(self, order: MarketOrder) -> VenueCall:
        fields = {
            "symbol": self._market.asset(order.symbol).name,
            "qty": plain(order.quantity),
            "side": order.side.value,
            "type": "market",
            "time_in_force": "gtc",
            "client_order_id": order.client_order_id,
        }
        call = self._client.prepare_order(fields)

        def send() -> None:
            self._leaves()
            call.send()

        return VenueCall(send, lambda: self._order_id(order, call.result), call.discard)

    def _leaves(self) -> None:
        self._may_land_until_ns = self._ports.clock.monotonic_ns() + self._lands_within_ns

    def _order_id(self, order: MarketOrder, answer: Callable[[], Any]) -> VenueOrderId:
        self._leaves()  # the plain session sends only now
        try:
            return parse_order_id(answer(), order)
        except VenueRejected as error:
            if isinstance(error, MarketClosed) or is_minimum_not_met(error.code):
                # What is known of the pair proved wrong.
                self._market.request_instrument_refresh()
                self._lane.later(self._tend)
            raise

    def _venue_find(self, order: MarketOrder) -> VenueOrderId | None:
        try:
            return parse_order_id(self._client.get_order_by_client_id(order.client_order_id), order)
        except NotFound:
            return None

    def _venue_provable_at_ns(self) -> int:
        return self._may_land_until_ns + int(self._options.settle_s * 1e9)

    def _venue_report(self, order: MarketOrder, order_id: VenueOrderId) -> OrderReport | None:
        try:
            return parse_order(self._client.get_order(order_id), order.symbol, self._fee_rate)
        except NotFound:
            return None

    def _venue_orders(self, since: float, offset: int) -> tuple[list[VenueOrder], int | None]:
        # The open ones first, however old: an order that ends in between is then among all of them.
        found = [] if offset else self._listed(self._client.get_orders("open"))
        after = datetime.fromtimestamp(since, UTC)
        page = self._client.get_orders("all", after, moment_at(offset) if offset else None)
        return found + self._listed(page), parse_next_offset(page, offset)

    def _listed(self, page: Any) -> list[VenueOrder]:
        return parse_orders(page, self._market.canonical, self._fee_rate)

    def _venue_executions(self, since: float) -> AlpacaSearch:
        return AlpacaSearch(self._client, since, self._memory, self._fee_rate)

    def open_stream(self, listener: ExecutionListener) -> ExecutionStream | None:
        """The socket, not started; None where there is no address for it."""
        if self._stream_url is None:
            return None
        # Only who listens needs what sockets need.
        from bot.brokers.alpaca.stream import AlpacaTradeUpdates

        key, secret = self._client.socket_keys()
        clock = self._ports.clock
        return AlpacaTradeUpdates(
            self.account,
            self._stream_url,
            key,
            secret,
            self._venue_symbol,
            listener,
            clock,
            fee_rate=lambda: self._fee_rate,
        )

    def _venue_read_delay(self) -> float:
        return self._client.read_delay()

    def _venue_find_delay(self) -> float:
        return self._client.read_delay(LISTING_CALLS)

    def _venue_housekeep(self) -> None:
        self._market.refresh_if_due(self._client.get_assets)

    def _venue_close(self) -> None:
        self._client.close()
