"""Every call that is simulated: its path, and what its key must be allowed. Names are the official SDK's methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from paper_exchange.coinbase import funds, products, queries, trading
from paper_exchange.coinbase.calls import Call, Result

PREFIX = "/api/v3/brokerage"
VIEW, TRADE = "can_view", "can_trade"


@dataclass(frozen=True, slots=True)
class Route:
    """One call; `scope` is the permission that it needs, `None` for public calls."""

    name: str
    verb: str
    path: str
    handler: Callable[[Call], Result]
    scope: str | None = None
    places_orders: bool = False


_ROUTES = (
    Route("get_accounts", "GET", "/accounts", funds.accounts, VIEW),
    Route("get_account", "GET", "/accounts/{account_uuid}", funds.account, VIEW),
    Route("get_api_key_permissions", "GET", "/key_permissions", funds.key_permissions, VIEW),
    Route("get_transaction_summary", "GET", "/transaction_summary", funds.transaction_summary, VIEW),
    Route("get_products", "GET", "/products", products.products, VIEW),
    Route("get_product", "GET", "/products/{product_id}", products.product, VIEW),
    Route("get_candles", "GET", "/products/{product_id}/candles", products.candles, VIEW),
    Route("get_market_trades", "GET", "/products/{product_id}/ticker", products.market_trades, VIEW),
    Route("get_product_book", "GET", "/product_book", products.product_book, VIEW),
    Route("get_best_bid_ask", "GET", "/best_bid_ask", products.best_bid_ask, VIEW),
    Route("create_order", "POST", "/orders", trading.create_order, TRADE, places_orders=True),
    Route("preview_order", "POST", "/orders/preview", trading.preview_order, VIEW),
    Route("cancel_orders", "POST", "/orders/batch_cancel", trading.cancel_orders, TRADE),
    Route("list_orders", "GET", "/orders/historical/batch", queries.list_orders, VIEW),
    Route("get_fills", "GET", "/orders/historical/fills", queries.get_fills, VIEW),
    Route("get_order", "GET", "/orders/historical/{order_id}", queries.get_order, VIEW),
    Route("get_unix_time", "GET", "/time", products.unix_time),
    Route("get_public_products", "GET", "/market/products", products.products),
    Route("get_public_product", "GET", "/market/products/{product_id}", products.product),
    Route("get_public_candles", "GET", "/market/products/{product_id}/candles", products.candles),
    Route("get_public_market_trades", "GET", "/market/products/{product_id}/ticker", products.market_trades),
    Route("get_public_product_book", "GET", "/market/product_book", products.product_book),
)

BY_NAME = {route.name: route for route in _ROUTES}
_EXACT = {(route.verb, route.path): route for route in _ROUTES if "{" not in route.path}
_PATTERNS = [(route, route.path.split("/")) for route in _ROUTES if "{" in route.path]


def find(verb: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a path without its query, and what the path names; `None` if there is none."""
    if not path.startswith(PREFIX):
        return None
    rest = path.removeprefix(PREFIX)
    exact = _EXACT.get((verb, rest))
    if exact is not None:
        return exact, {}
    parts = rest.split("/")
    for route, pattern in _PATTERNS:
        names = _names(pattern, parts)
        if route.verb == verb and names is not None:
            return route, names
    return None


def _names(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(parts):
        return None
    names = {}
    for expected, part in zip(pattern, parts, strict=True):
        if expected.startswith("{"):
            names[expected.strip("{}")] = part
        elif expected != part:
            return None
    return names
