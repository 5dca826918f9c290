"""Takes signals, plans every follower's copy, commits the plan, sends all at once.

Between a signal and its orders lie one computation, one commit and one request an account; no venue is asked anything.
"""

from bot.copy_trade_engine.engine import CopyTradeEngine
from bot.copy_trade_engine.parts import CopyAnnouncer, EngineParts
from bot.copying.records import EngineCounters
from bot.domain.signals import CopyTradeResult

__all__ = ["CopyAnnouncer", "CopyTradeEngine", "CopyTradeResult", "EngineCounters", "EngineParts", "start_copy_engine"]


def start_copy_engine(parts: EngineParts, observe_only: bool = False) -> CopyTradeEngine:
    """Make a copy engine and start it."""
    engine = CopyTradeEngine(parts, observe_only)
    engine.start()
    return engine
