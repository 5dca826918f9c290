"""Verification before deployment: what is missing until an installation can trade, and the line that mends it."""

from bot.app.verification.run import Verification
from bot.app.verification.verdicts import Check, Report, Verdict, worst_first

__all__ = ["Check", "Report", "Verdict", "Verification", "worst_first"]
