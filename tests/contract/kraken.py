"""Kraken."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

from bot.brokers.base import BaseBroker, BrokerOptions, BrokerPorts
from bot.brokers.kraken.broker import KrakenBroker
from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.market import KrakenMarket
from bot.brokers.kraken.nonce import NonceStore
from bot.brokers.limiter import Pacer
from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId
from tests.contract.venue import PUBLIC_INTERVAL_S, Connection, Line, Login, Peculiar, Refusal, Venue
from tests.paper_exchange.client import Paper, Trader

_MAY_ONLY_LOOK = ["query-funds", "query-open-trades", "query-closed-trades"]


class KrakenConnection(Connection):
    """Brokers with nonce stores."""

    def __init__(self, line: Line) -> None:
        self.market = KrakenMarket(_client(line, "", "", None), pacer=Pacer(PUBLIC_INTERVAL_S))
        super().__init__(line, self.market)

    def broker(
        self, account: AccountId, key: str, secret: str, ports: BrokerPorts, options: BrokerOptions
    ) -> BaseBroker:
        nonces = NonceStore(str(account), self.line.folder)
        try:
            client = _client(self.line, key, secret, nonces, str(account))
        except BaseException:
            nonces.close()
            raise
        return KrakenBroker(account, client, self.market, ports, options, self.line.deadline_s)

    def ask_prices(self) -> None:
        self.market.refresh_quotes()


class KrakenLogin(Login):
    """Trades by hand; the key's nonces go on from those of the bot."""

    def __init__(self, paper: Paper, name: str, balances: dict[str, str], **fields: Any) -> None:
        self.trader: Trader = paper.open(balances, name=name, tier="Pro", **fields)
        super().__init__(paper, name, self.trader.key, self.trader.secret)

    def market(self, side: str, size: str, name: str | None = None) -> str:
        return self.trader.market(side, size, **_named(name))

    def limit(self, side: str, size: str, price: str, name: str | None = None) -> str:
        return self.trader.limit(side, size, price, **_named(name))


def _named(name: str | None) -> dict[str, str]:
    return {} if name is None else {"cl_ord_id": name}


def _client(line: Line, key: str, secret: str, nonces: NonceStore | None, account: str = "") -> KrakenClient:
    return KrakenClient(
        key,
        secret,
        nonces,
        account=account,
        url=line.url,
        session=line.session,  # type: ignore[arg-type]
        read_timeout_s=line.read_timeout_s,
        tier="Pro",
    )


KRAKEN = Venue(
    venue=BrokerType.KRAKEN,
    url=lambda paper: paper.kraken_url,
    connection=KrakenConnection,
    login=KrakenLogin,
    settings={"fee_rate": "0.0026", "fill_delay_s": 0},
    market={"minimum_size": "0.00005", "minimum_cost": "0.5"},
    order_method="AddOrder",
    balance_method="BalanceEx",
    listing_method="ClosedOrders",
    fills_method="TradesHistory",
    fills_path="TradesHistory",
    fills_page=50,
    naming_method="QueryOrders",
    look_up_methods=("OpenOrders", "ClosedOrders"),
    deadline_s=2.0,
    given_up_s=3.5,
    landing_s=1.5,
    reads=14,
    listing=(101, 3),
    every_kind={"USD": "100.25", "USDT": "50.5", "USDC": "25.125", "EUR": "1000", "BTC": "2"},
    beside={},
    powerless={"modify-trades": Peculiar({"permissions": _MAY_ONLY_LOOK})},
    own_fee=(Peculiar({"fee_rate": "0.0016"}), Decimal("0.0016")),
    taken_away={"revoked": {"enabled": False}, "permissions": {"permissions": ["query-funds"]}},
    revoked_says="Invalid key",
    another_secret=lambda: base64.b64encode(b"somebody else's secret").decode(),
    another_secret_says="Invalid signature",
    no_secret=("not base64 !!", "base64"),
    symbols=("BTC-USD", "ETH-USD", "SOL-USD", "DOGE-USD", "BTC-USDT", "ETH-USDC"),
    spellings={
        "BTC-USD": "BTC-USD",
        "btc-usd": "BTC-USD",
        "BTC/USD": "BTC-USD",
        "BTCUSD": "BTC-USD",
        "XBTUSD": "BTC-USD",
        "XXBTZUSD": "BTC-USD",
        "XBT/USD": "BTC-USD",
        " XBT-USD ": "BTC-USD",
        "ETH/USD": "ETH-USD",
        "XETHZUSD": "ETH-USD",
        "SOLUSD": "SOL-USD",
        "XDGUSD": "DOGE-USD",
        "doge-usd": "DOGE-USD",
        "XBTUSDT": "BTC-USDT",
        "ETH/USDC": "ETH-USDC",
    },
    buys_in_quote=False,
    fee_in_coin=False,
    fee_rate=Decimal("0.0026"),
    slack=Decimal(0),
    money_step=Decimal("0.0001"),
    tells_trades=True,
    too_small_buys={
        "coins": ("0.00004999", "base"),
        "money": ("1", "quote"),
        "less than a lot": ("0.000000001", "base"),
    },
    too_small_says="0.00005 BTC",
    smallest_buy=("0.00005", "base"),
    too_small_sell="0.00004999",
    smallest_sell="0.00005",
    raised_minimum={"minimum_size": "0.02"},
    raised_says="minimum",
    closed_says="cancel_only",
    stopped_says="cancel_only",
    no_money_says="nsufficient funds",
    refusals={
        "no money": Refusal("EOrder:Insufficient funds", "Insufficient funds"),
        "arguments": Refusal("EGeneral:Invalid arguments:volume", "Invalid arguments"),
        "market": Refusal("EService:Market in post_only mode", "post_only", passes=True),
        "not in any table": Refusal("EOrder:Something new", "Something new"),
    },
    unclear={
        "internal": "EGeneral:Internal error",
        "unavailable": "EService:Unavailable",
        "timeout": "EService:Timeout",
    },
    too_many_orders=Refusal("EOrder:Rate limit exceeded", "EOrder:Rate limit exceeded", passes=True),
    duplicates={"refused": {}},
    names_are_unique_for_good=False,
)
