"""Makes what trades by itself from the operator's settings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bot.broker_manager import BrokerManager
from bot.domain.errors import InvalidAmount, SettingsError
from bot.domain.ids import AccountId
from bot.domain.instruments import split_symbol
from bot.domain.ports import Announcer
from bot.ledger.journal import Ledger
from bot.runtime.clock import FastClock, MarketClock, SystemClock
from bot.settings.env import Environment

if TYPE_CHECKING:
    from bot.app.venues import MarketKeeper
    from bot.independent_broker_trader import IndependentBrokerTrader, TradingRules
    from bot.trading_strategy import Position, StrategySettings

#: Says that no account trades by itself.
OFF = "off"

_HEARTBEAT_S = 3_600.0


def trading_rules_of(environment: Environment) -> TradingRules | None:
    """What the operator wants to be traded, and how; None where nothing is.

    Raises:
        SettingsError: the strategy is not there, or what it is told cannot be used; the text names the variable and
            the mend.
    """
    name = environment.strategy.strip()
    if name.lower() == OFF:
        return None
    # When it is needed: what reads candles takes half a second to load.
    from bot.independent_broker_trader import TradingRules
    from bot.trading_strategy import strategy_named

    try:
        strategy = strategy_named(name)
    except SettingsError as error:
        raise SettingsError(f"STRATEGY: {error}; {OFF} trades by none") from error
    return TradingRules(
        name,
        strategy,
        _strategy_settings_of(environment.strategy_settings),
        _symbols_of(environment.strategy_symbols),
        60 * environment.strategy_candle_minutes,
    )


def make_trader(
    environment: Environment,
    manager: BrokerManager,
    keepers: Iterable[MarketKeeper],
    ledger: Ledger,
    announcer: Announcer,
    clock: MarketClock | None = None,
) -> IndependentBrokerTrader | None:
    """What trades by itself, its services not started; None where the operator wants none.

    Args:
        manager: with every account in it.
        keepers: the venues that candles come from.
        clock: the one that candles open and close by; the machine's when None.

    Raises:
        SettingsError: as :func:`trading_rules_of`.
    """
    rules = trading_rules_of(environment)
    if rules is None:
        return None
    # When it is needed: what reads candles takes half a second to load.
    from bot.independent_broker_trader import IndependentBrokerTrader, TradingParts

    market_clock = clock or SystemClock()
    books = _OwnOrders(ledger, market_clock)
    # A person reads it: once an hour, however fast the market runs.
    heartbeat_s = _HEARTBEAT_S * (market_clock.speed if isinstance(market_clock, FastClock) else 1.0)
    parts = TradingParts(books.positions_of, announcer, market_clock, books.last_order_at, heartbeat_s)
    sources = {keeper.broker_type: keeper.venue for keeper in keepers}
    return IndependentBrokerTrader(manager, sources, rules, parts)


class _OwnOrders:
    """What the ledger knows of an account's own orders, in the time of the market."""

    def __init__(self, ledger: Ledger, clock: MarketClock) -> None:
        self._ledger = ledger
        self._clock = clock

    def positions_of(self, account: AccountId) -> dict[str, Position]:
        from bot.trading_strategy import Position

        return {
            symbol: Position(own.quantity, own.average_price or None, self._clock.of_machine(own.opened_at))
            for symbol, own in self._ledger.positions_of(account).items()
        }

    def last_order_at(self, account: AccountId, symbol: str) -> float | None:
        times = [row.intended_at for row in self._ledger.views.own_orders_of(account) if row.symbol == symbol]
        return self._clock.of_machine(max(times)) if times else None


def _symbols_of(text: str) -> tuple[str, ...]:
    symbols = [symbol.strip().upper() for symbol in text.split(",") if symbol.strip()]
    example = "it is a list such as BTC-USD,ETH-USD"
    if not symbols:
        raise SettingsError(f"STRATEGY_SYMBOLS: there is no symbol in {text!r}; {example}, or set STRATEGY={OFF}")
    for symbol in symbols:
        try:
            split_symbol(symbol)
        except InvalidAmount as error:
            raise SettingsError(f"STRATEGY_SYMBOLS: {error}; {example}") from error
    return tuple(dict.fromkeys(symbols))


def _strategy_settings_of(text: str) -> StrategySettings:
    from bot.trading_strategy import StrategySettings

    example = 'it is an object such as {"stop_loss": "0.03"}'
    try:
        values: Any = json.loads(text or "{}", parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise SettingsError(f"STRATEGY_SETTINGS: is not valid JSON ({error}); {example}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"STRATEGY_SETTINGS: must be a JSON object, was {text!r}; {example}")
    try:
        return StrategySettings.from_mapping(values)
    except SettingsError as error:
        raise SettingsError(f"STRATEGY_SETTINGS: {error}") from error
