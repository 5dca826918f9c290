"""``ledger check``: compares the ledger with the venues, for the running bot and beside none."""

from bot.app.check.asking import LedgerCheck, LedgerChecks
from bot.app.check.looking import looking

__all__ = ["LedgerCheck", "LedgerChecks", "looking"]
