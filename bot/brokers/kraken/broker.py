"""One Kraken account."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.brokers.base import BaseBroker, BrokerOptions, BrokerPorts
from bot.brokers.base.executions import ExecutionMemory
from bot.brokers.base.key import KeyReport
from bot.brokers.departure import VenueCall
from bot.brokers.fee_rate import FeeRate
from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.errors import (
    NonceRefused,
    is_duplicate_client_id,
    is_minimum_not_met,
    is_permission_denied,
    is_unknown_method,
)
from bot.brokers.kraken.executions import TRADES_A_CALL, KrakenSearch
from bot.brokers.kraken.keys import JUDGE_ONLY, key_report
from bot.brokers.kraken.market import KrakenMarket
from bot.brokers.kraken.orders import parse_next_offset, parse_order, parse_order_id, parse_order_ids, parse_orders
from bot.brokers.kraken.parse import (
    parse_balances,
    parse_fee_rate,
    parse_key_info,
    parse_locked_balances,
    parse_socket_token,
    parse_time,
)
from bot.brokers.market.steps import MarketSteps
from bot.brokers.order_fields import smallest_size
from bot.brokers.worth import equity_of
from bot.domain.enums import BrokerType, Side
from bot.domain.errors import AccountBarred, MarketClosed, RateLimited, VenueRejected, VenueUnclear
from bot.domain.ids import AccountId, VenueOrderId, new_client_order_id
from bot.domain.money import plain
from bot.domain.orders import AccountBalances, MarketOrder, OrderReport, VenueOrder
from bot.domain.ports import ExecutionListener, ExecutionStream

_log = logging.getLogger("nija.kraken")

#: Kraken REST docs, QueryOrders: up to fifty; fewer keep an answer small.
_ORDERS_A_CALL = 20
#: Assumed until the venue has told the account's own rate: Kraken's base tier for takers, 0.80 %.
_FEE_RATE_UNTIL_KNOWN = Decimal("0.008")
#: One pair tells the taker rate of a spot account.
_FEE_SYMBOL = "BTC-USD"
#: Seconds that the socket waits for its turn in the lane to have a token.
_TOKEN_WITHIN_S = 10.0


class _SocketsNotAllowed(VenueRejected):
    """The key may not open sockets; it may all the rest."""


class KrakenBroker(MarketSteps, BaseBroker):
    """Speaks for one Kraken account through its own client; shares the market data of its process.

    Args:
        account: whose.
        client: the account's own; one key, one client.
        market: symbols, instruments and prices, shared by all Kraken accounts.
        deadline_s: how long after it is sent an order may still match, 2 to 60 s (Kraken REST docs, AddOrder).
        stream_url: of the private socket; None for no socket.
    """

    venue = BrokerType.KRAKEN
    reports_at_once = _ORDERS_A_CALL
    validates_orders = True
    _market: KrakenMarket

    def __init__(
        self,
        account: AccountId,
        client: KrakenClient,
        market: KrakenMarket,
        ports: BrokerPorts,
        options: BrokerOptions | None = None,
        deadline_s: float = 5.0,
        stream_url: str | None = None,
    ) -> None:
        super().__init__(account, ports, options)
        self._stream_url = stream_url
        self._client = client
        self._market = market
        self._memory = ExecutionMemory(account, market)
        self._deadline_s = deadline_s
        self._fee_rate = FeeRate(account, _FEE_RATE_UNTIL_KNOWN, self._ask_fee_rate, ports.clock)
        # An earlier process may have sent an order just before it ended.
        self._may_match_until_ns = ports.clock.monotonic_ns() + int(deadline_s * 1e9)

    @property
    def nonce_errors(self) -> int:
        """Nonces of its key that the venue refused."""
        return self._client.nonce_errors

    def _venue_connect(self) -> None:
        self._market.ensure_loaded()
        self._admit_key()
        self._fee_rate.refresh()

    def _venue_key(self) -> KeyReport | None:
        probe = self._market.key_info
        if not probe.is_mine():
            return None
        try:
            info = parse_key_info(self._client.query_private("GetApiKeyInfo"))
        except VenueRejected as error:
            if not is_unknown_method(error.code):
                raise
            if self._client.is_kraken_itself:
                # Not barred: it is asked again, and an account whose key nobody knows is not traded meanwhile.
                text = f"Kraken does not tell what the API key may do ({error.code}); it is not used until it does"
                raise VenueRejected(text) from error
            probe.heard(missing=True)
            _log.warning("%s: the permissions of keys cannot be checked here: %s", self.account, error.code)
            return None
        probe.heard(missing=False)
        return key_report(info)

    def _venue_time(self) -> float:
        return parse_time(self._client.query_public("Time"))

    def _venue_validate(self, symbol: str) -> str | None:
        price = self._venue_price(symbol, Side.BUY, self._options.fresh_s)
        quantity = smallest_size(self._venue_instrument(symbol), price)
        order = MarketOrder(self.account, new_client_order_id(), symbol, Side.BUY, quantity, price)
        try:
            answer = self._client.query_private("AddOrder", {**self._request(order), **JUDGE_ONLY})
        except (AccountBarred, RateLimited):
            raise
        except VenueRejected as error:
            return error.code
        if isinstance(answer, dict) and answer.get("txid"):
            raise VenueUnclear(f"the venue placed the order that it was to judge only: {answer['txid']}")
        return None

    def _ask_fee_rate(self) -> Decimal | None:
        pair = self._market.pair(_FEE_SYMBOL)
        return parse_fee_rate(self._client.query_private("TradeVolume", {"pair": pair.altname}), pair.pair_id)

    def _venue_balances(self) -> AccountBalances:
        at = self._ports.clock.time()
        result = self._client.query_private("BalanceEx")
        available, held = parse_balances(result, self._market.asset_names)
        earning = parse_locked_balances(result, self._market.asset_names)
        equity = equity_of((available, held), self._market.usd_price)
        return AccountBalances(available, held, equity, self._fee_rate.value, at, earning)

    def _venue_symbol(self, symbol: str) -> str:
        self._market.ensure_loaded()
        return self._market.canonical(symbol)

    def _venue_prepare(self, order: MarketOrder) -> VenueCall:
        call = self._client.prepare_private("AddOrder", self._request(order))
        return VenueCall(call.send, lambda: self._order_id(order, call.result), call.discard)

    def _order_id(self, order: MarketOrder, answer: Callable[[], Any]) -> VenueOrderId:
        try:
            return self._read_answer(answer)
        except NonceRefused:
            # Refused on its first send, so nothing was placed; the next nonce is above whatever used the key.
            try:
                return self._read_answer(lambda: self._client.query_private("AddOrder", self._request(order)))
            except NonceRefused as error:
                # On anything sent again it is no proof that nothing was done.
                raise VenueUnclear(f"{error.code}: is the key used elsewhere too?") from error

    def _request(self, order: MarketOrder) -> dict[str, str]:
        deadline = datetime.fromtimestamp(self._ports.clock.time() + self._deadline_s, UTC)
        self._may_match_until_ns = self._ports.clock.monotonic_ns() + int(self._deadline_s * 1e9)
        return {
            "ordertype": "market",
            "type": order.side.value,
            "volume": plain(order.quantity),
            "pair": self._market.pair(order.symbol).altname,
            "cl_ord_id": order.client_order_id,
            "deadline": deadline.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }

    def _read_answer(self, answer: Callable[[], Any]) -> VenueOrderId:
        try:
            return parse_order_id(answer())
        except VenueRejected as error:
            if is_minimum_not_met(error.code):
                self._market.request_instrument_refresh()
            if is_duplicate_client_id(error.code):
                raise VenueUnclear(f"{error.code}: an order of this name is open already") from error
            raise

    def _venue_find(self, order: MarketOrder) -> VenueOrderId | None:
        # The open ones first: an order that is filled in between is then among the closed ones.
        wanted = {"cl_ord_id": order.client_order_id}
        for method, key in (("OpenOrders", "open"), ("ClosedOrders", "closed")):
            found = parse_order_ids(self._client.query_private(method, wanted), key, order)
            if found:
                return found[0]
        return None

    def _venue_provable_at_ns(self) -> int:
        return self._may_match_until_ns + int(self._options.settle_s * 1e9)

    def _venue_report(self, order: MarketOrder, order_id: VenueOrderId) -> OrderReport | None:
        return self._venue_reports([(order, order_id)])[0]

    def _venue_reports(self, asked: Sequence[tuple[MarketOrder, VenueOrderId]]) -> list[OrderReport | None]:
        rows, trades = self._with_trades(self._rows([order_id for _, order_id in asked]))
        reports = []
        for number, ((order, order_id), row) in enumerate(zip(asked, rows, strict=True)):
            try:
                reports.append(None if row is None else parse_order(order_id, row, trades, symbol=order.symbol))
            except VenueUnclear:
                if not number:
                    raise
                # It is asked for by itself, and says so then.
                reports.append(None)
        return reports

    def _rows(self, ids: Sequence[VenueOrderId]) -> list[Mapping[str, Any] | None]:
        try:
            found = self._client.query_private("QueryOrders", {"txid": ",".join(ids), "trades": "true"})
        except (AccountBarred, RateLimited, MarketClosed):
            raise
        except VenueRejected:
            if len(ids) == 1:
                raise
            # One of the others may be what it does not like.
            return [*self._rows(ids[:1]), *[None] * (len(ids) - 1)]
        rows = found if isinstance(found, dict) else {}
        return [row if isinstance(row := rows.get(order_id), dict) else None for order_id in ids]

    def _with_trades(
        self, rows: list[Mapping[str, Any] | None]
    ) -> tuple[list[Mapping[str, Any] | None], dict[str, Any] | None]:
        several = [[] if row is None else _several(row.get("trades")) for row in rows]
        try:
            return rows, self._trades([trade for trades in several for trade in trades])
        except (AccountBarred, RateLimited, MarketClosed):
            raise
        except VenueRejected:
            if not any(several[1:]):
                raise
            # Those of one of the others may be what it does not like: they are asked for by themselves.
            known = [None if trades else row for row, trades in zip(rows[1:], several[1:], strict=True)]
            return [rows[0], *known], self._trades(several[0])

    def _trades(self, ids: list[str]) -> dict[str, Any] | None:
        if not ids:
            return None
        trades: dict[str, Any] = {}
        for start in range(0, len(ids), TRADES_A_CALL):
            wanted = ",".join(ids[start : start + TRADES_A_CALL])
            trades |= self._client.query_private("QueryTrades", {"txid": wanted})
        return trades

    def _venue_orders(self, since: float, offset: int) -> tuple[list[VenueOrder], int | None]:
        # The open ones first: an order that is filled in between is then among the closed ones.
        found = [] if offset else parse_orders(self._client.query_private("OpenOrders"), "open", self._market.canonical)
        closed = self._client.query_private("ClosedOrders", {"start": int(since), "ofs": offset})
        return found + parse_orders(closed, "closed", self._market.canonical), parse_next_offset(closed, offset)

    def _venue_executions(self, since: float) -> KrakenSearch:
        return KrakenSearch(self._client, since, self._memory)

    def open_stream(self, listener: ExecutionListener) -> ExecutionStream | None:
        """The private socket, not started; None where there is no address for it."""
        if self._stream_url is None:
            return None
        # Only who listens needs what sockets need.
        from bot.brokers.kraken.stream import KrakenExecutions

        clock = self._ports.clock
        return KrakenExecutions(self.account, self._stream_url, self._token, self._venue_symbol, listener, clock)

    def _token(self) -> str:
        try:
            return self._ask_aside(self._ask_token, _TOKEN_WITHIN_S)
        except _SocketsNotAllowed as error:
            # For the socket there is no use to go on; the account is as good as before.
            raise AccountBarred(error.code) from None

    def _ask_token(self) -> str:
        try:
            return parse_socket_token(self._client.query_private("GetWebSocketsToken"))
        except AccountBarred as error:
            if is_permission_denied(error.code):
                text = f"the API key lacks create-ws-token; allow it in Kraken's key settings ({error.code})"
                raise _SocketsNotAllowed(text) from error
            raise

    def _venue_read_delay(self) -> float:
        return self._client.read_delay()

    def _venue_find_delay(self) -> float:
        return self._client.read_delay("OpenOrders", "ClosedOrders")

    def _venue_housekeep(self) -> None:
        self._client.reserve_nonces()
        self._fee_rate.refresh_if_due()

    def _venue_close(self) -> None:
        self._client.close()


def _several(trades: Any) -> list[str]:
    """The ids of an order's trades; none of a single one, of which the order itself tells all."""
    return [str(trade) for trade in trades] if isinstance(trades, list) and len(trades) > 1 else []
