"""Re-sync in the running bot: what differs is said, and corrected on request."""

from bot.app.resync.desk import ResyncDesk, ResyncParts
from bot.app.resync.watch import DriftTeller, ResyncWatch

__all__ = ["DriftTeller", "ResyncDesk", "ResyncParts", "ResyncWatch"]
