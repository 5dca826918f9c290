"""Kraken's rate counters (Kraken REST docs, Rate Limits; Trading Rate Limits)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tier(StrEnum):
    """How far an account is verified."""

    STARTER = "Starter"
    INTERMEDIATE = "Intermediate"
    PRO = "Pro"


@dataclass(frozen=True, slots=True)
class TierLimits:
    """Most points and points per second that go away: per key for calls, per account and pair for orders."""

    call_points: float
    call_decay: float
    order_points: float
    order_decay: float
    open_orders: int


LIMITS = {
    Tier.STARTER: TierLimits(15, 0.33, 60, 1, 60),
    Tier.INTERMEDIATE: TierLimits(20, 0.5, 125, 2.34, 80),
    Tier.PRO: TierLimits(20, 1, 180, 3.75, 225),
}

# (younger than so many seconds, points) for a change of an order that rests.
AMEND_PENALTY = ((5, 3), (10, 2), (15, 1))
EDIT_PENALTY = ((5, 6), (10, 5), (15, 4), (45, 2), (90, 1))
CANCEL_PENALTY = ((5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1))


def age_penalty(table: tuple[tuple[int, int], ...], age_s: float) -> int:
    """The points that touching an order of this age costs."""
    return next((points for limit, points in table if age_s < limit), 0)
