"""Accounts that trade by themselves: a strategy reads the market, and its decisions become orders.

Every funded master does, in a thread of its own; a user only where it follows nobody that is connected, and its entry
says that it may.
"""

from bot.domain.money import MINIMUM_FUNDED_BALANCE
from bot.independent_broker_trader.feed import CandleFeed, CandleSource, FeedLate
from bot.independent_broker_trader.loop import AccountTrader
from bot.independent_broker_trader.parts import OrderTimes, PositionsOf, TradingParts, TradingRules
from bot.independent_broker_trader.trader import IndependentBrokerTrader

__all__ = [
    "MINIMUM_FUNDED_BALANCE",
    "AccountTrader",
    "CandleFeed",
    "CandleSource",
    "FeedLate",
    "IndependentBrokerTrader",
    "OrderTimes",
    "PositionsOf",
    "TradingParts",
    "TradingRules",
]
