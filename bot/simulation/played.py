"""What is to be played, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bot.domain.enums import BrokerType, Side
from bot.domain.money import ONE
from bot.domain.orders import OrderReport
from bot.domain.signals import TradeSignal
from bot.settings.users import HIGHEST_USER_RISK
from bot.simulation.accounts import SimulatedAccount
from bot.simulation.attribution import Attribution
from bot.simulation.followers import SimulatedUser
from bot.trading_strategy import Candles, Decision, Strategy, StrategySettings

#: Digits to compute with: enough that sums of what venues book are exact.
DIGITS = 60


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is to be played.

    Attributes:
        candles: by canonical symbol, all in one quote currency.
        strategy: decides for the master.
        settings: what the strategy is told.
        users: who follows the master.
        venue: where the master trades; users may be elsewhere.
        master_dollars: what the master begins with.
        spread: between best bid and ask, as a share of the close: 0.0001 is 0.01 %.
        fee_rate: of all accounts; None takes that of each venue.
        max_user_risk: the common limit.
    """

    candles: Mapping[str, Candles]
    strategy: Strategy
    settings: StrategySettings = field(default_factory=StrategySettings)
    users: Sequence[SimulatedUser] = ()
    venue: BrokerType = BrokerType.KRAKEN
    master_dollars: Decimal = Decimal(10_000)
    spread: Decimal = Decimal("0.0001")
    fee_rate: Decimal | None = None
    max_user_risk: Decimal = HIGHEST_USER_RISK


@dataclass(frozen=True, slots=True)
class Books:
    """What an account has from a moment (unix seconds) on: money, and coins by currency."""

    time: int
    money: Decimal
    coins: Mapping[str, Decimal]


@dataclass(slots=True)
class AccountRun:
    """One account and what it did.

    Attributes:
        start: its money at the start.
        multiplier: the user's own factor; one of the master.
        books: its money and coins, at the start and after each of its trades; oldest first.
        orders: filled ones, by side.
        skips: why there was no order, by the reason's code.
        notes: what trimmed orders, by the sizer's text.
        attribution: of a user; None of the master.
    """

    account: SimulatedAccount
    start: Decimal
    multiplier: Decimal = ONE
    books: list[Books] = field(default_factory=list)
    orders: Counter[Side] = field(default_factory=Counter)
    skips: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    attribution: Attribution | None = None

    def note_books(self, time: int) -> None:
        """Remember what it has now."""
        self.books.append(Books(time, self.account.cash, self.account.holdings))


@dataclass(frozen=True, slots=True)
class MasterTrade:
    """One filled order of the master, at the closing of the candle that decided (``time``, unix seconds)."""

    time: int
    decision: Decision
    signal: TradeSignal
    report: OrderReport


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """What became of everybody.

    Attributes:
        trades: the master's, oldest first.
        last_closes: by base currency.
    """

    simulation: Simulation
    master: AccountRun
    users: tuple[AccountRun, ...]
    trades: tuple[MasterTrade, ...]
    last_closes: Mapping[str, Decimal]
