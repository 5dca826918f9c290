"""What a broker is made with, and what it keeps of an order that is on its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.orders import MarketOrder
from bot.domain.ports import Announcer, Clock, Gate, OrderJournal, OrderObserver, SignalSink
from bot.runtime.lane import Lane
from bot.settings.env import Environment


@dataclass(frozen=True, slots=True)
class BrokerPorts:
    """What a broker calls upwards, handed in by the composition root."""

    gate: Gate
    journal: OrderJournal
    signals: SignalSink
    announcer: Announcer
    clock: Clock
    make_lane: Callable[[str], Lane] = Lane


@dataclass(slots=True)
class OpenOrder:
    """An order that was sent, or is about to be, and of which the answer is not known.

    Attributes:
        in_doubt: its answer was lost, and the venue is asked for it.
        provable_at_ns: monotonic nanoseconds from when on its absence at the venue is proof.
        empty_looks: how often since then the venue did not show it.
        looks: how often the venue was asked at all.
    """

    order: MarketOrder
    observer: OrderObserver
    in_doubt: bool = False
    provable_at_ns: int = 0
    empty_looks: int = 0
    looks: int = 0


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """Times, in seconds.

    Attributes:
        balance_refresh_s: how often balances are asked for when nothing happens.
        fresh_s: a master's balance and price older than this are asked for before its order.
        fill_wait_s: how long ``place_market_order`` waits for the fill of an accepted order.
        settle_s: how long after its last chance to match a venue's look-ups may still miss an order.
        look_gap_s: pause between the two looks that prove an order absent.
        max_signal_age_s: an entry whose signal is older does not leave the lane any more.
    """

    balance_refresh_s: float = 60.0
    fresh_s: float = 3.0
    fill_wait_s: float = 30.0
    settle_s: float = 8.0
    look_gap_s: float = 3.0
    max_signal_age_s: float = 60.0


def options_of(environment: Environment) -> BrokerOptions:
    """The times that the operator may set."""
    return BrokerOptions(
        balance_refresh_s=environment.balance_refresh_s,
        settle_s=environment.order_settle_s,
        max_signal_age_s=environment.max_signal_age_s,
    )
