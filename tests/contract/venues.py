"""The table of venues that the contract is held against, and a stand that makes brokers on their paper exchange.

A new venue joins by one entry in ``VENUES``.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.brokers.base import BaseBroker, BrokerOptions, BrokerPorts
from bot.brokers.kraken.broker import KrakenBroker
from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.market import KrakenMarket
from bot.brokers.kraken.nonce import NonceStore
from bot.brokers.limiter import Pacer
from bot.domain.enums import BrokerType, OrderState
from bot.domain.ids import AccountId
from bot.runtime.clock import SystemClock
from tests.fakes.ports import FakePorts
from tests.paper_exchange.client import Paper, Trader

#: A test that passes never waits for it.
PATIENCE_S = 15.0
_PUBLIC_INTERVAL_S = 0.001
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Line:
    """How one broker reaches its venue: address, kind of session, time-out, folder for its files.

    Attributes:
        deadline_s: how long after it is sent an order may still match.
    """

    url: str
    session: str
    read_timeout_s: float
    folder: Path
    deadline_s: float


@dataclass(frozen=True)
class Venue:
    """What the contract has to know of a venue.

    Attributes:
        url: of the venue at a paper exchange.
        connection: makes the market that the brokers of one line share, and brokers on it.
        order_method: the call that places a market order, as the exchange's journal names it.
        balance_method: the call that asks for balances.
        deadline_s: the shortest time in which an order of the venue may have to match.
        look_up_methods: the calls that ask for an order by its name, in their order.
        spellings: what people and the venue itself write -> canonical symbol.
        trading_permission: without it a key cannot place an order.
        too_many_orders: the venue's own text for an order that came too fast.
    """

    venue: BrokerType
    url: Callable[[Paper], str]
    connection: Callable[[Line], Connection]
    order_method: str
    balance_method: str
    deadline_s: float
    look_up_methods: tuple[str, ...]
    spellings: Mapping[str, str]
    trading_permission: str
    too_many_orders: str


class Connection:
    """What brokers of one line share."""

    def broker(
        self, account: AccountId, key: str, secret: str, ports: BrokerPorts, options: BrokerOptions
    ) -> BaseBroker:
        """A broker that has not been started."""
        raise NotImplementedError

    def ask_prices(self) -> None:
        """Ask the venue for the prices that are wanted."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of everything."""
        raise NotImplementedError


class KrakenConnection(Connection):
    """One Kraken market, kept fresh in the background as in the real program."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.market = KrakenMarket(self._client("", "", None), pacer=Pacer(_PUBLIC_INTERVAL_S))
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self.market.keep_fresh, args=(self._stop,), daemon=True)
        self._keeper.start()

    def broker(
        self, account: AccountId, key: str, secret: str, ports: BrokerPorts, options: BrokerOptions
    ) -> BaseBroker:
        nonces = NonceStore(str(account), self._line.folder)
        try:
            client = self._client(key, secret, nonces, str(account))
        except BaseException:
            nonces.close()
            raise
        return KrakenBroker(account, client, self.market, ports, options, self._line.deadline_s)

    def ask_prices(self) -> None:
        self.market.refresh_quotes()

    def close(self) -> None:
        self._stop.set()
        self._keeper.join(PATIENCE_S)
        self.market.close()

    def _client(self, key: str, secret: str, nonces: NonceStore | None, account: str = "") -> KrakenClient:
        return KrakenClient(
            key,
            secret,
            nonces,
            account=account,
            url=self._line.url,
            session=self._line.session,  # type: ignore[arg-type]
            read_timeout_s=self._line.read_timeout_s,
            tier="Pro",
        )


VENUES = (
    Venue(
        venue=BrokerType.KRAKEN,
        url=lambda paper: paper.kraken_url,
        connection=KrakenConnection,
        order_method="AddOrder",
        balance_method="BalanceEx",
        deadline_s=2.0,
        look_up_methods=("OpenOrders", "ClosedOrders"),
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
        trading_permission="modify-trades",
        too_many_orders="EOrder:Rate limit exceeded",
    ),
)


@dataclass
class Seat:
    """One account's broker, its login at the venue and the fakes around it."""

    stand: Stand
    login: Trader
    broker: BaseBroker
    fakes: FakePorts

    def connect(self) -> Seat:
        assert self.broker.connect(PATIENCE_S), self.broker.status
        return self

    def orders(self) -> list[dict[str, Any]]:
        """What the venue's own books have of this account."""
        found: list[dict[str, Any]] = self.login.books()["orders"]
        return found

    def order_calls(self) -> int:
        """How often an order of this account reached the venue."""
        method = self.stand.venue.order_method
        count: int = self.stand.paper.get(f"/requests?method={method}&account={self.login.name}")["count"]
        return count

    def states(self) -> list[OrderState]:
        """The states of this account's orders as they were written, in order."""
        return [state for _, _, state, _ in self.fakes.trace.of("journal.answered")]

    def fault(self, kind: str, **more: Any) -> None:
        """Order a fault for this account's next order."""
        self.stand.paper.fault(kind, **{"account": self.login.name, "method": self.stand.venue.order_method, **more})


@dataclass
class Stand:
    """Makes accounts and brokers at one venue's paper exchange; ends with its test."""

    venue: Venue
    session: str
    paper: Paper
    folder: Path
    _connections: dict[Line, Connection] = field(default_factory=dict)
    _brokers: list[BaseBroker] = field(default_factory=list)

    def seat(
        self,
        balances: dict[str, str] | None = None,
        *,
        master: bool = False,
        announcer: Any = None,
        secret: str | None = None,
        read_timeout_s: float = 10.0,
        options: BrokerOptions | None = None,
        deadline_s: float = 5.0,
        url: str = "",
        **account: Any,
    ) -> Seat:
        """An account with $10,000, unless balances are given, and its started broker; not connected yet.

        Args:
            url: where to send requests instead of the venue itself.
        """
        name = f"{self.venue.venue}{next(_numbers)}"
        login = self.paper.open(balances or {"USD": "10000"}, name=name, tier="Pro", **account)
        fakes = FakePorts(announcer)
        ports = BrokerPorts(fakes.gate, fakes.journal, fakes.sink, fakes.announcer, SystemClock())
        account_id = AccountId.master(self.venue.venue) if master else AccountId(name, self.venue.venue)
        broker = self.connection(read_timeout_s, deadline_s, url).broker(
            account_id, login.key, secret or login.secret, ports, options or BrokerOptions(fill_wait_s=PATIENCE_S)
        )
        broker.start()
        self._brokers.append(broker)
        return Seat(self, login, broker, fakes)

    def connection(self, read_timeout_s: float = 10.0, deadline_s: float = 5.0, url: str = "") -> Connection:
        """What brokers of one line share."""
        line = Line(url or self.venue.url(self.paper), self.session, read_timeout_s, self.folder, deadline_s)
        if line not in self._connections:
            self._connections[line] = self.venue.connection(line)
        return self._connections[line]

    def close(self) -> None:
        for broker in self._brokers:
            broker.stop()
        deadline = time.monotonic() + PATIENCE_S
        ended = [broker.join(deadline) for broker in self._brokers]
        for connection in self._connections.values():
            connection.close()
        assert all(ended)


def ask(paper: Paper, symbol: str) -> Decimal:
    """What a market buy pays now."""
    return Decimal(paper.get("/market")[symbol]["ask"])


def bid(paper: Paper, symbol: str) -> Decimal:
    """What a market sell gets now."""
    return Decimal(paper.get("/market")[symbol]["bid"])
