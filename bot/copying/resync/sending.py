"""Sends corrections: at once or not at all, and never beside the exit of a master."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from bot.copying.resync.correction import Correction
from bot.copying.run import RunHearers, SignalRun
from bot.domain.enums import OrderState
from bot.domain.orders import MarketOrder, Refused
from bot.domain.outcomes import Rejected
from bot.domain.signals import PlannedCopy, TradeSignal
from bot.ledger.journal import Ledger
from bot.runtime import crash

_NOT_AT_ONCE = "a correction that cannot leave at once is dropped: look again"


class Waiting(Protocol):
    """The orders that may leave later.

    Attributes:
        launched: orders that left beside the plan of their signal.
    """

    launched: int

    def still(self) -> AbstractContextManager[bool]:
        """As long as it lasts none of them leaves, and no exit begins to be planned; whether none is planned now."""


@dataclass(frozen=True, slots=True)
class SendingParts:
    """What is needed to send.

    Attributes:
        make_run: a run with these hearers.
        hearers: of every other run.
        launch: sends an order whose intent is committed.
    """

    ledger: Ledger
    waiting: Waiting
    make_run: Callable[[TradeSignal, Sequence[PlannedCopy], RunHearers], SignalRun]
    hearers: RunHearers
    launch: Callable[[MarketOrder, SignalRun], None]


class Corrections:
    """One at a time."""

    def __init__(self, parts: SendingParts) -> None:
        self._parts = parts
        self._hearers = replace(parts.hearers, waits=self._waits, absent=self._absent)

    def send(self, decide: Callable[[], Correction | Refused]) -> SignalRun | Refused:
        """Decide, commit and send one correction, while no exit is planned and no waiting order leaves.

        Args:
            decide: looks at the ledger as it is now; quick.

        Returns:
            Its run; or why there is none.

        Raises:
            LedgerUnavailable: nothing was committed, and nothing was sent.
        """
        parts = self._parts
        with parts.waiting.still() as is_still:
            if not is_still:
                return Refused("an exit is being copied", "ask again in a moment")
            correction = decide()
            if isinstance(correction, Refused):
                return correction
            run = parts.make_run(correction.signal, [correction.copy], self._hearers)
            if not parts.ledger.record_plan(correction.signal, [correction.copy]):
                return Refused("corrected before", f"{correction.signal.order_id} was carried out already")
            crash.reached("plan committed")
            # What was planned ahead of this order is planned anew.
            parts.waiting.launched += 1
            parts.launch(correction.order, run)
            run.begin()
        return run

    def _waits(self, order: MarketOrder, run: SignalRun) -> None:
        if not run.signal.is_entry:
            self._parts.hearers.waits(order, run)
            return
        reason = f"{_NOT_AT_ONCE} ({run.why(order)})"
        self._parts.ledger.answered(order, Rejected(reason, sent=False), OrderState.EXPIRED)
        run.end(order, OrderState.EXPIRED, reason)

    def _absent(self, order: MarketOrder, run: SignalRun) -> bool:
        # Minutes may have passed: what it was computed from has changed.
        return not run.signal.is_entry and self._parts.hearers.absent(order, run)
