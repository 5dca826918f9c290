"""What a trader's loop is tested with: a market clock that waits at once, a venue, a strategy and a broker by order."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bot.brokers.candles import frame_of
from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.domain.errors import InvalidAmount
from bot.domain.ids import AccountId, VenueOrderId
from bot.domain.instruments import Instrument
from bot.domain.orders import AccountBalances, OrderResult, rejected
from bot.domain.outcomes import Accepted
from bot.independent_broker_trader import AccountTrader, CandleFeed, TradingParts, TradingRules
from bot.trading_strategy import Action, Candles, Decision, Position, StrategySettings
from tests.fakes.broker import BTC
from tests.fakes.clock import SettableClock

KRAKEN = BrokerType.KRAKEN
MASTER = AccountId.master(KRAKEN)
SYMBOL = "BTC-USD"
QUARTER = 900
#: On the grid: a candle closes then.
NOON = 1_790_000_100 // QUARTER * QUARTER + QUARTER
#: A test that passes never waits for it.
PATIENCE_S = 30.0


class MarketTime(SettableClock):
    """Waiting takes no time and moves the clock on; at ``ends_at`` everything is asked to end."""

    def __init__(self, now: float = NOON + 300) -> None:
        super().__init__(now)
        self.ends_at = now + 10 * QUARTER
        self.waits: list[float] = []

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.advance(max(seconds, 0.001))
        if self.time() >= self.ends_at:
            stop.set()
        return stop.is_set()

    def of_machine(self, unix_s: float) -> float:
        return unix_s


@dataclass
class Question:
    """One question for candles, and when it was asked (unix seconds)."""

    symbol: str
    at: float


@dataclass
class FakeVenue:
    """Candles on the grid, the last one still forming.

    Attributes:
        price: closing price of the candle that opened then.
        commits_after_s: how long after its end a candle is there.
        frozen_at: no candle opens after that.
        answers: of the next questions: an error is raised, a change is made to the rows.
        takes_s: how long an answer travels.
    """

    clock: MarketTime
    price: Callable[[int], str] = lambda _: "50000"
    commits_after_s: float = 0.0
    frozen_at: float = float("inf")
    answers: deque[Any] = field(default_factory=deque)
    takes_s: float = 0.0
    questions: list[Question] = field(default_factory=list)

    def candles(self, symbol: str, interval_s: int, now: float | None = None) -> Any:
        self.questions.append(Question(symbol, self.clock.time()))
        self.clock.advance(self.takes_s)
        answer = self.answers.popleft() if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        last = int(min(self.clock.time() - self.commits_after_s, self.frozen_at)) // interval_s * interval_s
        opens = [last - number * interval_s for number in reversed(range(150))]
        rows = [[opened, *[self.price(opened)] * 4, "1"] for opened in opens]
        return frame_of(answer(rows) if answer else rows)

    @property
    def times(self) -> list[float]:
        """When it was asked."""
        return [question.at for question in self.questions]


@dataclass
class ScriptedStrategy:
    """Does what it is told for the candle that opened then; holds otherwise."""

    script: Mapping[int, Any] = field(default_factory=dict)
    always: Any = Action.HOLD
    seen: list[tuple[str, int, dict[str, Position]]] = field(default_factory=list)

    def decide(self, candles: Candles, positions: Mapping[str, Position], settings: StrategySettings) -> Decision:
        self.seen.append((candles.symbol, candles.last_time, dict(positions)))
        action = self.script.get(candles.last_time, self.always)
        if isinstance(action, Exception):
            raise action
        if action is Action.BUY:
            return Decision.buy(candles, Decimal("0.05"), "the script says so")
        if action is Action.SELL and candles.symbol in positions:
            return Decision.sell(candles, "the script says so")
        return Decision.hold(candles, "nothing to do")

    @property
    def times(self) -> list[int]:
        """The candles that were decided on."""
        return [at for _, at, _ in self.seen]


@dataclass
class FakeBroker:
    """One account that is filled at once, or refuses."""

    account: AccountId = MASTER
    connected: bool = True
    available: dict[str, Decimal] = field(default_factory=lambda: {"USD": Decimal(10_000)})
    held: dict[str, Decimal] = field(default_factory=dict)
    settled: bool = True
    #: Symbols of orders that are on their way, in doubt, or without their fill.
    open: set[str] = field(default_factory=set)
    refuses: str = ""
    outcome: Any = None
    raises: Exception | None = None
    instruments: dict[str, Instrument] = field(default_factory=lambda: {SYMBOL: BTC})
    orders: list[tuple[str, Side, Decimal, SizeType]] = field(default_factory=list)

    @property
    def account_type(self) -> Any:
        return self.account.account_type

    @property
    def balances(self) -> AccountBalances | None:
        return AccountBalances(dict(self.available), dict(self.held)) if self.connected else None

    @property
    def settled_balances(self) -> AccountBalances | None:
        return self.balances if self.settled else None

    def get_account_balance_detailed(self) -> AccountBalances:
        balances = self.balances
        assert balances is not None
        return balances

    def has_open(self, symbol: str) -> bool:
        return symbol in self.open

    def wait_for_balances(self, timeout_s: float) -> bool:
        return self.settled

    def instrument(self, symbol: str) -> Instrument | None:
        return self.instruments.get(symbol)

    def place_market_order(self, symbol: str, side: Side, quantity: Decimal, size_type: SizeType) -> OrderResult:
        self.orders.append((symbol, side, quantity, size_type))
        if self.raises is not None:
            raise self.raises
        if self.refuses:
            return rejected(self.account, self.refuses)
        outcome = self.outcome or Accepted(VenueOrderId("OID"))
        return OrderResult(self.account, None, outcome, OrderState.FILLED)


class FakeAnnouncer:
    """Keeps what was confirmed."""

    def __init__(self) -> None:
        self.confirmed: list[OrderResult] = []

    def master_confirmed(self, result: OrderResult) -> None:
        self.confirmed.append(result)


@dataclass
class Desk:
    """One account's loop with all that it needs; :meth:`run` ends when the clock says so."""

    clock: MarketTime = field(default_factory=MarketTime)
    broker: Any = field(default_factory=FakeBroker)
    strategy: ScriptedStrategy = field(default_factory=ScriptedStrategy)
    positions: Any = field(default_factory=dict)
    symbols: tuple[str, ...] = (SYMBOL,)
    copying: bool = False
    at_once: bool = True
    last_order_at: float | None = None
    announcer: FakeAnnouncer = field(default_factory=FakeAnnouncer)
    connections: int = 0

    def __post_init__(self) -> None:
        self.venue = FakeVenue(self.clock)

    @property
    def rules(self) -> TradingRules:
        return TradingRules("script", self.strategy, StrategySettings(), self.symbols, QUARTER)

    @property
    def parts(self) -> TradingParts:
        return TradingParts(
            self._positions_of,
            self.announcer,  # type: ignore[arg-type]
            self.clock,
            lambda _account, _symbol: self.last_order_at,
        )

    def loop(self) -> AccountTrader:
        feed = CandleFeed(self.venue, QUARTER, self.clock)
        return AccountTrader(
            self.broker,
            self.rules,
            self.parts,
            feed,
            is_copying=lambda: self.copying,
            connected=self._note_connection,
            at_once=self.at_once,
        )

    def run(self, candles: int = 1) -> AccountTrader:
        """Trade until so many candles have closed and had their rounds; beginning in the middle of one."""
        self.clock.ends_at = NOON + candles * QUARTER + QUARTER * 2 / 3
        loop = self.loop()
        carry_out(loop)
        return loop

    def _note_connection(self) -> None:
        self.connections += 1

    def _positions_of(self, account: AccountId) -> Mapping[str, Position]:
        assert account == self.broker.account
        if isinstance(self.positions, Exception):
            raise self.positions
        found: Mapping[str, Position] = self.positions() if callable(self.positions) else self.positions
        return found


def carry_out(loop: AccountTrader) -> None:
    """Start a loop and wait for its end."""
    loop.start()
    assert loop.join(time.monotonic() + PATIENCE_S)


def opened(number: int) -> int:
    """Opening of the candle that closed at noon, and of those after it (1, 2 ...) and before it (-1, -2 ...)."""
    return NOON + (number - 1) * QUARTER


def unlisted(symbol: str) -> InvalidAmount:
    """What a venue says of a symbol that it does not have."""
    return InvalidAmount(f"{symbol} is not listed")
