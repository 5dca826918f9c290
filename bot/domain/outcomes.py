"""What became of one submitted order: three outcomes, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.ids import VenueOrderId


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue has the order, under this id."""

    order_id: VenueOrderId


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing was placed, for this reason.

    Attributes:
        reason: the venue's own text, or ours when ``sent`` is False.
        sent: False when no byte left: the gate, a minimum, a connection that was refused.
        account_barred: the account itself is refused; going on with it is no use.
        not_now: what refused it passes: the same order may leave later.
    """

    reason: str
    sent: bool = True
    account_barred: bool = False
    not_now: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may or may not have been placed; neither failed nor to be sent again: to be asked about."""

    reason: str


Outcome = Accepted | Rejected | Unknown
