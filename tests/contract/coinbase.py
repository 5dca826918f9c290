"""Coinbase."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.brokers.base import BaseBroker, BrokerOptions, BrokerPorts
from bot.brokers.coinbase.broker import CoinbaseBroker
from bot.brokers.coinbase.client import CoinbaseClient
from bot.brokers.coinbase.market import CoinbaseMarket
from bot.brokers.limiter import Pacer
from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId
from tests.contract.venue import PUBLIC_INTERVAL_S, Connection, Line, Login, Peculiar, Refusal, Venue
from tests.paper_exchange.client import Paper
from tests.paper_exchange.coinbase_client import open_coinbase


class CoinbaseConnection(Connection):
    """Brokers with keys that sign tokens."""

    def __init__(self, line: Line) -> None:
        self.market = CoinbaseMarket(_client(line, "", ""), pacer=Pacer(PUBLIC_INTERVAL_S))
        super().__init__(line, self.market)

    def broker(
        self, account: AccountId, key: str, secret: str, ports: BrokerPorts, options: BrokerOptions
    ) -> BaseBroker:
        return CoinbaseBroker(account, _client(self.line, key, secret, str(account)), self.market, ports, options)

    def ask_prices(self) -> None:
        self.market.refresh_quotes()
        self.market.refresh_worths()


class CoinbaseLogin(Login):
    """Trades by hand; a name is made where none is given, because the venue wants one."""

    def __init__(self, paper: Paper, name: str, balances: dict[str, str], **fields: Any) -> None:
        self.trader = open_coinbase(paper, balances, name=name, **fields)
        super().__init__(paper, name, self.trader.key, self.trader.secret)

    def market(self, side: str, size: str, name: str | None = None) -> str:
        order_id: str = self.trader.place(side.upper(), base_size=size, client_order_id=name or str(uuid.uuid4()))
        return order_id

    def limit(self, side: str, size: str, price: str, name: str | None = None) -> str:
        configuration = {"limit_limit_gtc": {"base_size": size, "limit_price": price}}
        order_id: str = self.trader.place(side.upper(), configuration=configuration, client_order_id=name)
        return order_id


def _client(line: Line, key: str, secret: str, account: str = "") -> CoinbaseClient:
    return CoinbaseClient(
        key,
        secret,
        account=account,
        url=line.url,
        session=line.session,  # type: ignore[arg-type]
        read_timeout_s=line.read_timeout_s,
        order_deadline_s=line.deadline_s,
    )


def _another_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


COINBASE = Venue(
    venue=BrokerType.COINBASE,
    url=lambda paper: paper.coinbase_url,
    connection=CoinbaseConnection,
    login=CoinbaseLogin,
    settings={
        "fee_rate": "0.009",
        "fill_delay_s": 0.05,
        "public_rate_per_s": None,
        "duplicate_client_order_id": "echo",
    },
    market={"minimum_size": "0.00000001", "minimum_cost": "1"},
    order_method="create_order",
    balance_method="get_accounts",
    listing_method="list_orders",
    fills_method="get_fills",
    fills_path="fills",
    fills_page=100,
    naming_method="list_orders",
    look_up_methods=("list_orders",),
    # The life of a token: two seconds for the way and three for clocks come on top of it.
    deadline_s=0.1,
    given_up_s=6.5,
    landing_s=4.5,
    reads=24,
    listing=(101, 3),
    every_kind={"USD": "100.25", "USDC": "25.125", "BTC": "2"},
    beside={"USD": "0"},
    powerless={"can_trade": Peculiar({"can_trade": False}), "Missing required scopes": Peculiar({"can_view": False})},
    own_fee=(Peculiar({"fee_rate": "0.004"}), Decimal("0.004")),
    taken_away={"revoked": {"enabled": False}, "permissions": {"can_trade": False}},
    revoked_says="HTTP 401",
    another_secret=_another_key,
    another_secret_says="HTTP 401",
    no_secret=("not a PEM !!", "no private key"),
    symbols=("BTC-USD", "ETH-USD", "SOL-USD", "DOGE-USD", "SHIB-USD", "ETH-USDC"),
    spellings={
        "BTC-USD": "BTC-USD",
        "btc-usd": "BTC-USD",
        "BTC/USD": "BTC-USD",
        "BTCUSD": "BTC-USD",
        " btcusd ": "BTC-USD",
        "ETH/USD": "ETH-USD",
        "SOLUSD": "SOL-USD",
        "doge-usd": "DOGE-USD",
        "SHIBUSD": "SHIB-USD",
        "BTCUSDC": "BTC-USDC",
        "ETH/USDC": "ETH-USDC",
    },
    buys_in_quote=True,
    fee_in_coin=False,
    fee_rate=Decimal("0.009"),
    slack=Decimal(0),
    money_step=Decimal("1E-16"),
    tells_trades=True,
    too_small_buys={
        "coins": ("0.00001999", "base"),
        "money": ("0.99", "quote"),
        "less than a lot": ("0.000000001", "base"),
    },
    too_small_says="1 USD",
    smallest_buy=("1", "quote"),
    too_small_sell="0.00002",
    smallest_sell="0.00002001",
    raised_minimum={"minimum_cost": "600"},
    raised_says="TOO_SMALL",
    closed_says="cancel_only",
    stopped_says="TRADING_DISABLED",
    no_money_says="INSUFFICIENT_FUND",
    refusals={
        "no money": Refusal("INSUFFICIENT_FUND", "INSUFFICIENT_FUND"),
        "precision": Refusal("INVALID_SIZE_PRECISION", "INVALID_SIZE_PRECISION"),
        "wallet": Refusal("400 INVALID_ARGUMENT account is not available", "account is not available"),
        "market": Refusal("TRADING_DISABLED", "TRADING_DISABLED", passes=True),
        "not in any table": Refusal("SOMETHING_NEW", "SOMETHING_NEW"),
    },
    unclear={
        "internal": "500 INTERNAL",
        "unavailable": "503 UNAVAILABLE",
        "no reason": "UNKNOWN_FAILURE_REASON",
    },
    too_many_orders=Refusal("429 rate_limit_exceeded", "429 rate_limit_exceeded", passes=True),
    duplicates={
        "first order": {"duplicate_client_order_id": "echo"},
        "refused": {"duplicate_client_order_id": "reject"},
    },
    names_are_unique_for_good=True,
)
