"""Every method of the REST API that is simulated, with what it costs and what it needs."""

from __future__ import annotations

from dataclasses import dataclass

from paper_exchange.kraken import funds, public, queries, trading
from paper_exchange.kraken.calls import PrivateHandler, PublicHandler


@dataclass(frozen=True, slots=True)
class PrivateMethod:
    """One private method: `cost` in points of the call counter, `all_of` and `any_of` in permissions of the key."""

    handler: PrivateHandler
    cost: int = 1
    all_of: frozenset[str] = frozenset()
    any_of: frozenset[str] = frozenset()
    places_orders: bool = False


PUBLIC: dict[str, PublicHandler] = {
    "Time": public.server_time,
    "SystemStatus": public.system_status,
    "Assets": public.assets,
    "AssetPairs": public.asset_pairs,
    "Ticker": public.ticker,
    "OHLC": public.ohlc,
    "Depth": public.depth,
    "Trades": public.trades,
    "Spread": public.spread,
}

_HISTORY_COST = 4
_FUNDS = frozenset({"query-funds"})
_OPEN = frozenset({"query-open-trades"})
_CLOSED = frozenset({"query-closed-trades"})
_LEDGER = frozenset({"query-ledger"})
_MODIFY = frozenset({"modify-trades"})
_CANCEL = frozenset({"modify-trades", "close-trades"})

PRIVATE: dict[str, PrivateMethod] = {
    "Balance": PrivateMethod(funds.balance, all_of=_FUNDS),
    "BalanceEx": PrivateMethod(funds.balance_extended, all_of=_FUNDS),
    "TradeBalance": PrivateMethod(funds.trade_balance, all_of=_FUNDS | _OPEN),
    "TradeVolume": PrivateMethod(funds.trade_volume, all_of=_FUNDS),
    "Ledgers": PrivateMethod(funds.ledgers, cost=_HISTORY_COST, all_of=_LEDGER),
    "QueryLedgers": PrivateMethod(funds.query_ledgers, cost=_HISTORY_COST, all_of=_LEDGER),
    "GetWebSocketsToken": PrivateMethod(funds.websockets_token, all_of=frozenset({"create-ws-token"})),
    "GetApiKeyInfo": PrivateMethod(funds.api_key_info),
    "QueryOrders": PrivateMethod(queries.query_orders, any_of=_OPEN | _CLOSED),
    "OpenOrders": PrivateMethod(queries.open_orders, all_of=_OPEN),
    "ClosedOrders": PrivateMethod(queries.closed_orders, all_of=_CLOSED),
    "OpenPositions": PrivateMethod(queries.open_positions, all_of=_OPEN),
    "TradesHistory": PrivateMethod(queries.trades_history, cost=_HISTORY_COST, all_of=_CLOSED),
    "QueryTrades": PrivateMethod(queries.query_trades, all_of=_CLOSED),
    "AddOrder": PrivateMethod(trading.add_order, cost=0, all_of=_MODIFY, places_orders=True),
    "AddOrderBatch": PrivateMethod(trading.add_order_batch, cost=0, all_of=_MODIFY, places_orders=True),
    "AmendOrder": PrivateMethod(trading.amend_order, cost=0, all_of=_MODIFY),
    "EditOrder": PrivateMethod(trading.edit_order, cost=0, all_of=_MODIFY, places_orders=True),
    "CancelOrder": PrivateMethod(trading.cancel_order, cost=0, any_of=_CANCEL),
    "CancelOrderBatch": PrivateMethod(trading.cancel_order_batch, cost=0, any_of=_CANCEL),
    "CancelAll": PrivateMethod(trading.cancel_all, cost=0, any_of=_CANCEL),
    "CancelAllOrdersAfter": PrivateMethod(trading.cancel_all_orders_after, cost=0, any_of=_CANCEL),
}
