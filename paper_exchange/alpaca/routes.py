"""Every endpoint that is simulated. Calls have the names that the official SDK gives them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from paper_exchange.alpaca import market_data, portfolio, queries, trading
from paper_exchange.alpaca.calls import PrivateHandler, PublicHandler

_ARGUMENT = "/{}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint. A `private` one needs a key, a `public` one does not; it has the one or the other.

    `status` is that of a success; `answers_list` and `finds_orders` say what an empty answer looks like, `trails`
    whether the read lag shows.
    """

    name: str
    private: PrivateHandler | None = None
    public: PublicHandler | None = None
    status: int = 200
    places_orders: bool = False
    answers_list: bool = False
    finds_orders: bool = False
    trails: bool = False


_DATA = "GET /v1beta3/crypto/us"
_ROUTES = {
    "GET /v2/account": Endpoint("get_account", portfolio.account, trails=True),
    "GET /v2/clock": Endpoint("get_clock", portfolio.clock),
    "GET /v2/assets": Endpoint("get_all_assets", portfolio.assets, answers_list=True),
    "GET /v2/assets/{}": Endpoint("get_asset", portfolio.asset),
    "GET /v2/positions": Endpoint("get_all_positions", portfolio.all_positions, answers_list=True, trails=True),
    "GET /v2/positions/{}": Endpoint("get_open_position", portfolio.open_position, trails=True),
    "POST /v2/orders": Endpoint("submit_order", trading.submit_order, places_orders=True),
    "GET /v2/orders": Endpoint("get_orders", queries.orders, answers_list=True, finds_orders=True, trails=True),
    "GET /v2/orders/{}": Endpoint("get_order_by_id", queries.order_by_id, finds_orders=True, trails=True),
    "GET /v2/orders:by_client_order_id": Endpoint(
        "get_order_by_client_id", queries.order_by_client_order_id, finds_orders=True, trails=True
    ),
    "DELETE /v2/orders": Endpoint("cancel_orders", trading.cancel_orders, status=207, answers_list=True),
    "DELETE /v2/orders/{}": Endpoint("cancel_order_by_id", trading.cancel_order, status=204),
    "GET /v2/account/activities": Endpoint(
        "get_account_activities", queries.fills, answers_list=True, finds_orders=True, trails=True
    ),
    f"{_DATA}/latest/quotes": Endpoint("get_crypto_latest_quote", public=market_data.latest_quotes),
    f"{_DATA}/latest/trades": Endpoint("get_crypto_latest_trade", public=market_data.latest_trades),
    f"{_DATA}/latest/bars": Endpoint("get_crypto_latest_bar", public=market_data.latest_bars),
    f"{_DATA}/latest/orderbooks": Endpoint("get_crypto_latest_orderbook", public=market_data.latest_orderbooks),
    f"{_DATA}/snapshots": Endpoint("get_crypto_snapshot", public=market_data.snapshots),
    f"{_DATA}/bars": Endpoint("get_crypto_bars", public=market_data.bars),
    f"{_DATA}/trades": Endpoint("get_crypto_trades", public=market_data.trades),
}
_ROUTES["GET /v2/account/activities/FILL"] = _ROUTES["GET /v2/account/activities"]

NAMES = frozenset(endpoint.name for endpoint in _ROUTES.values())


def find(verb: str, path: str) -> tuple[Endpoint, str] | None:
    """The endpoint and its argument; `path` is as it came, so that `BTC%2FUSD` is one part and `BTC/USD` two."""
    endpoint = _ROUTES.get(f"{verb} {path}")
    if endpoint is not None:
        return endpoint, ""
    head, _, last = path.rpartition("/")
    endpoint = _ROUTES.get(f"{verb} {head}{_ARGUMENT}")
    return (endpoint, unquote(last)) if endpoint is not None and last else None
