"""What can become of an order on its way to the venue and back, and of the process that sends it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum

from bot.domain.money import ONE, ZERO

#: How long after it is sent an order may still match, seconds.
DEADLINE_S = 5.0
#: How long look-ups may trail, seconds.
SETTLE_S = 8.0


class Way(StrEnum):
    """How an order's request and its answer travel."""

    def __repr__(self) -> str:
        return f"Way.{self.name}"

    ANSWERED = "answered"
    ANSWER_LOST = "answer lost"
    LATE = "answer lost, lands late"
    LOST = "lost on its way"
    UNREACHABLE = "unreachable"
    RATE_LIMITED = "rate limited"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Fate:
    """One order's.

    Attributes:
        lands_after_s: of one that lands late; past its deadline the venue drops it.
        answer_takes_s: time that passes while its lane waits for the answer.
        shown_after_s: how long look-ups do not show it once it landed.
        done_after_s: how long its report is not final once it is shown.
        part: what of it is filled before the venue cancels the rest.
        slip: worse price than the one quoted, as a share of it.
        fee_in_coin: of a buy; a sell pays from what it earns.
        trades: into how many it is split.
    """

    way: Way = Way.ANSWERED
    lands_after_s: float = 0.0
    answer_takes_s: float = 0.0
    shown_after_s: float = 0.0
    done_after_s: float = 0.0
    part: Decimal = ONE
    slip: Decimal = ZERO
    fee_in_coin: bool = False
    trades: int = 1

    def __repr__(self) -> str:
        told = ((field, getattr(self, field.name)) for field in fields(self))
        unusual = (f"{field.name}={value!r}" for field, value in told if value != field.default)
        return f"Fate({', '.join(unusual)})"


@dataclass(frozen=True, slots=True)
class Death:
    """The process is killed.

    Attributes:
        at: at which call to its venue or its ledger from now on; each counts before and after.
        kept: of the entries that were queued for the ledger, how many it had still written.
        again: the one that takes its place dies too, at which call.
    """

    at: int
    kept: int = 0
    again: int | None = None


GOOD = Fate()
