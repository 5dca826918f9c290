"""Candles in, a decision out: no clock, no broker, no I/O, no threads.

A strategy is one file in :mod:`bot.trading_strategy.strategies`, found by its name.
"""

from bot.trading_strategy.candles import Candles, Gap, InvalidCandles
from bot.trading_strategy.decision import Action, Decision, Position, Strategy
from bot.trading_strategy.indicators import exponential_moving_average, relative_strength_index
from bot.trading_strategy.registry import strategy_named, strategy_names
from bot.trading_strategy.settings import StrategySettings

__all__ = [
    "Action",
    "Candles",
    "Decision",
    "Gap",
    "InvalidCandles",
    "Position",
    "Strategy",
    "StrategySettings",
    "exponential_moving_average",
    "relative_strength_index",
    "strategy_named",
    "strategy_names",
]
