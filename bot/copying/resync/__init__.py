"""What each follower's copied coins should be, what they are, why they differ, and how that is corrected."""

from bot.copying.resync.causes import Standing
from bot.copying.resync.correction import Correction, CorrectionRules, describe, plan_correction
from bot.copying.resync.replay import AccountReplay, Replayed, replay
from bot.copying.resync.sending import Corrections, SendingParts

__all__ = [
    "AccountReplay",
    "Correction",
    "CorrectionRules",
    "Corrections",
    "Replayed",
    "SendingParts",
    "Standing",
    "describe",
    "plan_correction",
    "replay",
]
