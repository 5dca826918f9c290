"""What lower rooms call and upper rooms provide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.domain.enums import OrderState, Side
from bot.domain.executions import Execution
from bot.domain.ids import AccountId
from bot.domain.orders import MarketOrder, OrderReport, OrderResult, Refused
from bot.domain.outcomes import Outcome
from bot.domain.signals import TradeSignal


class Clock(Protocol):
    """Where time comes from."""

    def time(self) -> float:
        """Unix seconds."""

    def time_ns(self) -> int:
        """Unix nanoseconds."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never step back."""


class Gate(Protocol):
    """Asked before every order of every account."""

    def check(self, account: AccountId, symbol: str, side: Side) -> Refused | None:
        """Why this order must not leave now, or None."""


class OrderJournal(Protocol):
    """Where an order is written before and after it is sent."""

    def intend(self, order: MarketOrder) -> None:
        """Commit an order before it is sent: one that copies nothing, or a planned copy; returns once it is safe.

        Raises:
            LedgerUnavailable: it is not; nothing may be sent.
        """

    def answered(
        self, order: MarketOrder, outcome: Outcome, state: OrderState, milliseconds: float | None = None
    ) -> None:
        """Write what the venue said, for a copy with its delay after the master's answer; returns at once."""

    def resized(self, order: MarketOrder) -> None:
        """Write the size that really leaves, where it is not the planned one; returns at once."""

    def settled(self, order: MarketOrder, report: OrderReport, state: OrderState) -> None:
        """Write the fill; returns at once."""


class SignalSink(Protocol):
    """Takes the signals of master accounts."""

    def expect(self, signal: TradeSignal | None) -> None:
        """A master's order is on its way, and this is the signal that it will be; None: it came to nothing."""

    def emit(self, signal: TradeSignal) -> bool:
        """Queue a signal; False when it could not be taken."""


class Announcer(Protocol):
    """Says the lines that operators look for."""

    def connected(self, account: AccountId) -> None:
        """An account answered with its balances."""

    def emitting(self, signal: TradeSignal) -> None:
        """A master's trade is about to become a signal."""

    def emitted(self, signal: TradeSignal) -> None:
        """The signal is in the queue."""

    def not_emitted(self, order: MarketOrder, reason: str) -> None:
        """The master traded, and nobody will follow."""

    def master_confirmed(self, result: OrderResult) -> None:
        """A master's order and its fill."""


class OrderObserver(Protocol):
    """Told, in the account's lane, how one order goes on. Must return quickly and raise nothing."""

    @property
    def since_ns(self) -> int:
        """Monotonic nanoseconds of the answer to the master's order that is copied; 0 when nothing is."""

    def answered(self, order: MarketOrder, outcome: Outcome, state: OrderState, answered_ns: int) -> None:
        """The venue answered, or did not."""

    def absent(self, order: MarketOrder) -> bool:
        """An order in doubt is proven not to be at the venue; whether the observer goes on with it.

        Where it does not, the order ends as FAILED.
        """

    def settled(self, order: MarketOrder, report: OrderReport | None, state: OrderState) -> None:
        """Nothing more will happen by itself; ``report`` is None where nothing was placed."""


class ExecutionListener(Protocol):
    """Told, in a socket's thread, what trades on one account. Must return quickly and raise nothing."""

    def listening(self) -> None:
        """From now on every execution is told; what was before, and was not heard, has to be asked for."""

    def executed(self, executions: Sequence[Execution]) -> None:
        """These traded, oldest first; may repeat what was told before."""

    def interrupted(self, reason: str) -> None:
        """Something may be missed from now on, or was missed a moment ago; the socket mends itself."""


class ExecutionStream(Protocol):
    """A socket that tells what trades on one account, connected again and again until it is stopped."""

    def start(self) -> None:
        """Begin. Once only."""

    def stop(self) -> None:
        """Ask to end; returns at once."""

    def join(self, deadline: float) -> bool:
        """Wait until it ended or ``deadline`` (monotonic seconds) passed; whether it ended."""

    @property
    def healthy(self) -> bool:
        """Whether it is listening, and heard a sign of life of late."""
