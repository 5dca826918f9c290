"""Alpaca."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.brokers.alpaca.broker import AlpacaBroker
from bot.brokers.alpaca.client import AlpacaClient, AlpacaPrices
from bot.brokers.alpaca.market import AlpacaMarket
from bot.brokers.base import BaseBroker, BrokerOptions, BrokerPorts
from bot.brokers.limiter import Pacer
from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId
from tests.contract.venue import PUBLIC_INTERVAL_S, Connection, Line, Login, Peculiar, Refusal, Venue
from tests.paper_exchange.alpaca_client import AlpacaHouse
from tests.paper_exchange.client import Paper

_MINIMUM_USD = Decimal(10)


class AlpacaConnection(Connection):
    """Brokers whose list of pairs comes with the first account's key."""

    def __init__(self, line: Line) -> None:
        prices = AlpacaPrices(url=line.url, session=line.session, read_timeout_s=line.read_timeout_s)  # type: ignore[arg-type]
        self.market = AlpacaMarket(prices, _MINIMUM_USD, pacer=Pacer(PUBLIC_INTERVAL_S))
        super().__init__(line, self.market)

    def broker(
        self, account: AccountId, key: str, secret: str, ports: BrokerPorts, options: BrokerOptions
    ) -> BaseBroker:
        client = AlpacaClient(
            key,
            secret,
            account=str(account),
            url=self.line.url,
            session=self.line.session,  # type: ignore[arg-type]
            read_timeout_s=self.line.read_timeout_s,
        )
        return AlpacaBroker(account, client, self.market, ports, options, self.line.deadline_s)

    def ask_prices(self) -> None:
        self.market.refresh_quotes()


class AlpacaLogin(Login):
    """Trades by hand; the venue makes a name where none is given."""

    def __init__(self, paper: Paper, name: str, balances: dict[str, str], **fields: Any) -> None:
        assert paper.alpaca_url is not None
        self.trader = AlpacaHouse(paper.alpaca_url, paper.control_url).open(balances, name=name, **fields)
        super().__init__(paper, name, self.trader.key, self.trader.secret)

    def market(self, side: str, size: str, name: str | None = None) -> str:
        order_id: str = self.trader.place(side, qty=size, client_order_id=name)["id"]
        return order_id

    def limit(self, side: str, size: str, price: str, name: str | None = None) -> str:
        more = {"type": "limit", "limit_price": price}
        order_id: str = self.trader.place(side, qty=size, client_order_id=name, **more)["id"]
        return order_id


def _told(**fields: Any) -> Peculiar:
    """An account of which the venue says this; the exchange has none such."""

    def change(_: Mapping[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        return answer | fields

    return Peculiar(answers={"account": change})


ALPACA = Venue(
    venue=BrokerType.ALPACA,
    url=lambda paper: str(paper.alpaca_url),
    connection=AlpacaConnection,
    login=AlpacaLogin,
    settings={"fee_rate": "0.0025", "fill_delay_s": 0.02},
    market={"minimum_size": "0.000011905", "minimum_cost": str(_MINIMUM_USD)},
    order_method="submit_order",
    balance_method="get_all_positions",
    listing_method="get_orders",
    fills_method="get_account_activities",
    fills_path="FILL",
    fills_page=100,
    naming_method="get_order_by_id",
    look_up_methods=("get_order_by_client_id",),
    deadline_s=2.0,
    given_up_s=3.5,
    landing_s=1.5,
    reads=30,
    listing=(501, 2),
    every_kind={"USD": "100.25", "USDT": "50.5", "USDC": "25.125", "BTC": "2"},
    beside={},
    powerless={
        "trading is blocked": _told(trading_blocked=True),
        "suspended by the user": _told(trade_suspended_by_user=True),
        "trading coins is INACTIVE": _told(crypto_status="INACTIVE"),
        "the account is ACCOUNT_CLOSED": _told(status="ACCOUNT_CLOSED"),
    },
    own_fee=(_told(crypto_tier="5"), Decimal("0.0015")),
    taken_away={"revoked": {"enabled": False}},
    revoked_says="unauthorized",
    another_secret=lambda: "somebodyElsesSecret",
    another_secret_says="unauthorized",
    no_secret=("not one line !!", "cannot be one"),
    symbols=("BTC-USD", "ETH-USD", "SOL-USD", "DOGE-USD", "BTC-USDT", "ETH-USDC"),
    spellings={
        "BTC-USD": "BTC-USD",
        "btc-usd": "BTC-USD",
        "BTC/USD": "BTC-USD",
        "BTCUSD": "BTC-USD",
        " BTC-USD ": "BTC-USD",
        "ETH/USD": "ETH-USD",
        "ETHUSD": "ETH-USD",
        "SOLUSD": "SOL-USD",
        "doge-usd": "DOGE-USD",
        "BTCUSDT": "BTC-USDT",
        "ETH/USDC": "ETH-USDC",
    },
    buys_in_quote=False,
    fee_in_coin=True,
    fee_rate=Decimal("0.0025"),
    slack=Decimal("1E-8"),
    money_step=Decimal("0.01"),
    tells_trades=False,
    too_small_buys={
        "coins": ("0.00019997", "base"),
        "money": ("9.99", "quote"),
        "less than a lot": ("0.0000000001", "base"),
    },
    too_small_says="10 USD",
    smallest_buy=("0.0002", "base"),
    too_small_sell="0.000011904",
    smallest_sell="0.000011905",
    raised_minimum={"minimum_size": "0.02"},
    raised_says="minimal",
    closed_says="offline",
    stopped_says="not active",
    no_money_says="nsufficient balance",
    refusals={
        "no money": Refusal(
            "403 40310000 insufficient balance for USD (requested: 500, available: 1)", "insufficient balance"
        ),
        "precision": Refusal("422 42210000 qty must be limited to 9 decimal places", "9 decimal places"),
        "market": Refusal("422 40010001 asset BTC/USD is not active", "not active", passes=True),
        "not in any table": Refusal("422 42299999 something new", "something new"),
    },
    unclear={
        "internal": "500 50010000 internal server error occurred",
        "unavailable": "503 50310000 service unavailable",
        "timeout": "504 50410000 timeout",
    },
    too_many_orders=Refusal("429 42910000 rate limit exceeded", "rate limit exceeded", passes=True),
    duplicates={"refused": {}},
    names_are_unique_for_good=True,
)
