"""An order on its way out of the door: made ready, then sent, then waited for, in whichever thread suits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.ids import VenueOrderId


@dataclass(frozen=True, slots=True)
class VenueCall:
    """One order at a venue's door: ``send`` and then ``order_id``, or ``discard``; each once.

    Attributes:
        send: sends without waiting; what fails there, ``order_id`` raises.
        order_id: waits for the venue's answer and reads it; raises VenueError by what is known of the order.
        discard: takes it back.
    """

    send: Callable[[], None]
    order_id: Callable[[], VenueOrderId]
    discard: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Departure:
    """A prepared order of one account: ``send`` and then ``go_on``, or ``take_back``. One of the two is owed soon.

    Attributes:
        send: sends without waiting, as soon as the order's plan is committed.
        go_on: lets the account's lane wait for the answer; an order that could not be prepared leaves there and then.
        take_back: for when the plan was not committed; nothing leaves.
    """

    send: Callable[[], None]
    go_on: Callable[[], None]
    take_back: Callable[[], None]
