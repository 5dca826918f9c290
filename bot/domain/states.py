"""One table of moves between order states; every other move raises."""

from __future__ import annotations

from bot.domain.enums import OrderState
from bot.domain.errors import IllegalTransition

_S = OrderState

MOVES: dict[OrderState, frozenset[OrderState]] = {
    _S.PLANNED: frozenset({_S.SUBMITTING, _S.EXPIRED, _S.OBSERVED, _S.SKIPPED}),
    # Back to PLANNED when it surely was not placed and may leave later: it waits there for its turn.
    _S.SUBMITTING: frozenset({_S.ACCEPTED, _S.REJECTED, _S.UNKNOWN, _S.PLANNED, _S.SKIPPED}),
    _S.UNKNOWN: frozenset({_S.ACCEPTED, _S.FAILED, _S.SUBMITTING}),
    # A market order can be cancelled by the venue before anything matched.
    _S.ACCEPTED: frozenset({_S.FILLED, _S.PARTIALLY_FILLED, _S.FAILED}),
    _S.PARTIALLY_FILLED: frozenset({_S.FILLED}),
    _S.FILLED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.FAILED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.OBSERVED: frozenset(),
    _S.SKIPPED: frozenset(),
}

#: States in which something is still to be done or found out.
OPEN_STATES = frozenset({_S.PLANNED, _S.SUBMITTING, _S.ACCEPTED, _S.UNKNOWN})

#: States in which the venue holds an order of this name, or may hold one.
AT_THE_VENUE = frozenset({_S.ACCEPTED, _S.FILLED, _S.PARTIALLY_FILLED})

#: States of copies of which no order was ever meant to be placed, or not any more.
MOVED_ASIDE = frozenset({_S.SKIPPED, _S.EXPIRED, _S.OBSERVED})


def move(current: OrderState, following: OrderState) -> OrderState:
    """The state after a move.

    Raises:
        IllegalTransition: the table has no such move.
    """
    if following not in MOVES[current]:
        raise IllegalTransition(f"an order cannot go from {current} to {following}")
    return following
