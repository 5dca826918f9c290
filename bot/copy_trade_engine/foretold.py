"""Orders of a signal that is likely to come, signed ahead: they leave only if what they were planned with stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.broker_manager import UserBroker
from bot.copying.flight import Flight
from bot.copying.kill_switch import Switches
from bot.domain.signals import TradeSignal

#: How long orders stay signed for a signal that was foretold: a master's venue mostly answers within this time.
EXPECT_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the operator wants at one moment.

    Attributes:
        observe_only: copies are written down, none is placed.
        users: everybody's settings; the same objects while nothing was changed.
    """

    switches: Switches
    observe_only: bool
    users: list[UserBroker]


@dataclass(frozen=True, slots=True)
class _Prepared:
    flight: Flight
    conditions: Conditions
    launched: int
    until_ns: int


class ForetoldFlight:
    """At most one. For one thread.

    Args:
        launched: how many orders left beside the plans of their signals so far.
        monotonic_ns: the clock.
    """

    def __init__(self, launched: Callable[[], int], monotonic_ns: Callable[[], int]) -> None:
        self._launched = launched
        self._monotonic_ns = monotonic_ns
        self._prepared: _Prepared | None = None

    def make_ready(self, plan: Callable[[], Flight], conditions: Conditions) -> None:
        """Plan a signal and sign its orders.

        Args:
            conditions: as they were before it is planned.
        """
        launched = self._launched()
        flight = plan()
        until_ns = self._monotonic_ns() + int(EXPECT_WITHIN_S * 1e9)
        self._prepared = _Prepared(flight, conditions, launched, until_ns)
        flight.prepare()

    def drop(self) -> None:
        """What is signed is taken back."""
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            prepared.flight.take_back()

    def take(self, signal: TradeSignal, conditions: Conditions) -> Flight | None:
        """The flight of a signal, where it was foretold as it came and nothing else has changed; else it is dropped."""
        prepared = self._prepared
        if prepared is None:
            return None
        # An entry that left meanwhile is not in what an exit was planned with.
        stands = conditions == prepared.conditions and self._launched() == prepared.launched
        if not stands or self._monotonic_ns() > prepared.until_ns or not _same(signal, prepared.flight.run.signal):
            self.drop()
            return None
        self._prepared = None
        prepared.flight.run.signal = signal
        return prepared.flight


def _same(signal: TradeSignal, foretold: TradeSignal) -> bool:
    return (signal.signal_id, signal.price, signal.size, signal.master_balance, signal.position_before) == (
        foretold.signal_id,
        foretold.price,
        foretold.size,
        foretold.master_balance,
        foretold.position_before,
    )
