"""Users files take effect in the running bot: who is new connects, limits change, who leaves gets no entries."""

from bot.app.live_users.holdings import Holdings, left_behind
from bot.app.live_users.live import LiveUsers, LiveUsersParts

__all__ = ["Holdings", "LiveUsers", "LiveUsersParts", "left_behind"]
