"""What the contract has to know of a venue, as data: one entry a venue, in a file of its own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from bot.brokers.base import BaseBroker, BrokerOptions, BrokerPorts
from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId
from tests.fakes.relay import Change
from tests.paper_exchange.client import Paper

#: A test that passes never waits for it.
PATIENCE_S = 30.0
#: Seconds between two questions about prices: the exchange is ours alone.
PUBLIC_INTERVAL_S = 0.001


@dataclass(frozen=True)
class Line:
    """How one broker reaches its venue: address, kind of session, time-out, folder for its files.

    Attributes:
        deadline_s: how long after it is sent an order may still be carried out.
    """

    url: str
    session: str
    read_timeout_s: float
    folder: Path
    deadline_s: float


class Market(Protocol):
    """What every venue's market does in the background."""

    def keep_fresh(self, stop: threading.Event) -> None: ...

    def close(self) -> None: ...


class Connection(ABC):
    """What brokers of one line share: a market, kept fresh in the background as in the real program."""

    def __init__(self, line: Line, market: Market) -> None:
        self.line = line
        self._market = market
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=market.keep_fresh, args=(self._stop,), daemon=True)
        self._keeper.start()

    @abstractmethod
    def broker(
        self, account: AccountId, key: str, secret: str, ports: BrokerPorts, options: BrokerOptions
    ) -> BaseBroker:
        """A broker that has not been started."""

    @abstractmethod
    def ask_prices(self) -> None:
        """Ask the venue for the prices that are wanted."""

    def close(self) -> None:
        """Let go of everything."""
        self._stop.set()
        self._keeper.join(PATIENCE_S)
        self._market.close()


class Login(ABC):
    """An account's owner, who trades by hand in the venue's own protocol, past the bot.

    Attributes:
        name: of the account at the exchange.
    """

    def __init__(self, paper: Paper, name: str, key: str, secret: str) -> None:
        self.paper = paper
        self.name = name
        self.key = key
        self.secret = secret

    @abstractmethod
    def market(self, side: str, size: str, name: str | None = None) -> str:
        """Place a market order in BTC-USD; its id. ``name`` is the client order id."""

    @abstractmethod
    def limit(self, side: str, size: str, price: str, name: str | None = None) -> str:
        """Place a limit order in BTC-USD; its id."""

    def orders(self) -> list[dict[str, Any]]:
        """What the exchange's own books have of this account."""
        found: list[dict[str, Any]] = self.paper.get(f"/books?account={self.name}")["orders"]
        return found


@dataclass(frozen=True)
class Peculiar:
    """An account out of the ordinary.

    Attributes:
        fields: that it is opened with.
        answers: what is said of it otherwise than the exchange would, by the last part of the path.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Change] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """An order that the venue refuses.

    Attributes:
        text: of the fault ``error`` at the exchange.
        says: part of what the broker makes of it.
        passes: the same order may be taken later.
    """

    text: str
    says: str
    passes: bool = False


@dataclass(frozen=True)
class Venue:
    """One venue.

    Attributes:
        url: of the venue at a paper exchange.
        connection: makes the market that the brokers of one line share, and brokers on it.
        login: opens an account at the exchange: name, balances, further fields.
        settings: of the exchange, as the venue's own are.
        market: of BTC-USD, likewise.

        order_method: the call that places a market order, as the exchange's journal names it.
        balance_method: a call that asks for balances.
        listing_method: the call that lists orders that have ended.
        fills_method: the call that lists fills.
        fills_path: the last part of its path.
        fills_page: how many of them a page holds.
        naming_method: a call that tells of the orders that a few fills are of.
        look_up_methods: the calls that ask for an order by its name, in their order.
        deadline_s: the shortest time that its brokers can be told an order to have for being carried out.
        given_up_s: no order is given up later than this after it was sent, with that deadline.
        landing_s: an order that lands so much later is carried out, with that deadline.
        reads: questions for balances that come close to what the venue allows, or are many.
        listing: how many orders fill more than a page, and how many pages they fill.

        every_kind: balances of every kind that the venue has.
        beside: balances that an account needs beside others.
        powerless: accounts that may not trade -> what is said of them.
        own_fee: an account whose fee rate is not the common one, and that rate.
        taken_away: what is done to a key -> what that changes at the account.
        revoked_says: part of what is said of a revoked key.
        another_secret: makes one that is not the account's.
        another_secret_says: part of what is said of it.
        no_secret: a text that cannot be a secret, and part of what is said of it.

        symbols: some of those that are listed.
        spellings: what people and the venue itself write -> canonical symbol.

        buys_in_quote: a market buy names what it spends, fee included.
        fee_in_coin: the fee of a buy is taken from the coins.
        fee_rate: the common one.
        slack: how many coins more than the venue books the broker may take for a fee.
        money_step: in what steps the venue shows dollars.
        tells_trades: an order's single trades are told.
        too_small_buys: quantity and unit -> each below the minimum.
        too_small_says: part of what is said of them.
        smallest_buy: quantity and unit.
        too_small_sell: coins.
        smallest_sell: coins.
        raised_minimum: what a raised minimum changes at BTC-USD, above the common buy's.
        raised_says: part of what the venue says then.

        closed_says: part of what the broker says of a pair that is not traded.
        stopped_says: part of what the venue says of it.
        no_money_says: part of what the venue says of an account without money.
        refusals: by a short name.
        unclear: the venue's own words after which nobody knows whether there is an order, by a short name.
        too_many_orders: the venue's refusal of an order that came too fast.
        duplicates: settings of the exchange, by how a name that was used before is answered.
        names_are_unique_for_good: a name is taken once and for good.
    """

    venue: BrokerType
    url: Callable[[Paper], str]
    connection: Callable[[Line], Connection]
    login: Callable[..., Login]
    settings: Mapping[str, Any]
    market: Mapping[str, Any]

    order_method: str
    balance_method: str
    listing_method: str
    fills_method: str
    fills_path: str
    fills_page: int
    naming_method: str
    look_up_methods: tuple[str, ...]
    deadline_s: float
    given_up_s: float
    landing_s: float
    reads: int
    listing: tuple[int, int]

    every_kind: Mapping[str, str]
    beside: Mapping[str, str]
    powerless: Mapping[str, Peculiar]
    own_fee: tuple[Peculiar, Decimal]
    taken_away: Mapping[str, Mapping[str, Any]]
    revoked_says: str
    another_secret: Callable[[], str]
    another_secret_says: str
    no_secret: tuple[str, str]

    symbols: tuple[str, ...]
    spellings: Mapping[str, str]

    buys_in_quote: bool
    fee_in_coin: bool
    fee_rate: Decimal
    slack: Decimal
    money_step: Decimal
    tells_trades: bool
    too_small_buys: Mapping[str, tuple[str, str]]
    too_small_says: str
    smallest_buy: tuple[str, str]
    too_small_sell: str
    smallest_sell: str
    raised_minimum: Mapping[str, str]
    raised_says: str

    closed_says: str
    stopped_says: str
    no_money_says: str
    refusals: Mapping[str, Refusal]
    unclear: Mapping[str, str]
    too_many_orders: Refusal
    duplicates: Mapping[str, Mapping[str, Any]]
    names_are_unique_for_good: bool
