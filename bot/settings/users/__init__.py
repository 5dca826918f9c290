"""``config/users/*.json``: who follows, and within which limits.

When the bot starts, a bad entry leaves out that entry and nothing else; while it runs, a file with any fault changes
nothing. Every fault is one line with file, user and field.
"""

from bot.settings.users.entry import HIGHEST_USER_RISK, Problem, UserSettings
from bot.settings.users.files import load_users

__all__ = ["HIGHEST_USER_RISK", "Problem", "UserSettings", "load_users"]
