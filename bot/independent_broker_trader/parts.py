"""What an account trades by, and what it is given to trade with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.domain.ids import AccountId
from bot.domain.ports import Announcer
from bot.runtime.clock import MarketClock, SystemClock
from bot.trading_strategy import Position, Strategy, StrategySettings

#: What the bot itself bought on an account and did not sell yet, by canonical symbol; ``opened_at`` by the market's
#: clock. Raises NijaError where it is not known: never an empty mapping then.
PositionsOf = Callable[[AccountId], Mapping[str, Position]]

#: When the bot last placed an order of its own on an account in a symbol, unix seconds by the market's clock; None
#: where it never did.
OrderTimes = Callable[[AccountId, str], float | None]


@dataclass(frozen=True, slots=True)
class TradingRules:
    """What is traded, and how it is decided.

    Attributes:
        name: the strategy's.
        symbols: canonical, in the order in which they have their turn.
        interval_s: length of a candle, seconds.
    """

    name: str
    strategy: Strategy
    settings: StrategySettings
    symbols: tuple[str, ...]
    interval_s: int


def _never(_account: AccountId, _symbol: str) -> float | None:
    return None


@dataclass(frozen=True, slots=True)
class TradingParts:
    """What every account's loop uses.

    Attributes:
        announcer: says what became of a master's order.
        clock: the market's.
        last_order_at: asked once a symbol, so that a restart does not act a second time on the same candle.
        heartbeat_s: seconds of the market's clock between two lines that say that an account still trades.
    """

    positions_of: PositionsOf
    announcer: Announcer
    clock: MarketClock = field(default_factory=SystemClock)
    last_order_at: OrderTimes = _never
    heartbeat_s: float = 3_600.0
