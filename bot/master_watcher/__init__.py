"""Trades that the master made by hand become signals too.

Every fill on a master account that the bot did not place is copied, exactly once: heard by socket, asked for where
there is none, found at start where the bot was down. What counts of an order is how much of it is executed; what of
that is a signal is written in the ledger.
"""

from bot.master_watcher.parts import WatchAnnouncer, WatchedBroker, WatchParts, WatchRecord
from bot.master_watcher.watch import MasterWatch

__all__ = ["MasterWatch", "WatchAnnouncer", "WatchParts", "WatchRecord", "WatchedBroker"]
