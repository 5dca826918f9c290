"""The running bot looks at itself, and tells what the operator wants to know: what failed, what is back, the day."""

from bot.app.notices.daily import DailySummary
from bot.app.notices.look import Notices

__all__ = ["DailySummary", "Notices"]
