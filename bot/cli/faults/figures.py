"""What a run through the faults came to, for people and for scripts."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from bot.cli.tables import table
from bot.domain.enums import BrokerType
from bot.domain.states import AT_THE_VENUE, OPEN_STATES
from bot.ledger.rows import CopyRow

#: States that do not say why there is no order.
_NO_END = AT_THE_VENUE | OPEN_STATES


@dataclass(slots=True)
class KindFigures:
    """What one kind of fault came to.

    Attributes:
        times: orders that were struck, counted by the exchange.
        expected: copies that the plans gave a size.
        placed: users' orders in the exchange's own books.
        reasons: copies that ended with a recorded reason instead of an order.
        lost: copies with neither.
        twice: orders more than copies, by account.
        seconds: from the plan until the fill was known, one entry a copy.
    """

    title: str
    times: int = 0
    expected: int = 0
    placed: int = 0
    reasons: int = 0
    lost: int = 0
    twice: int = 0
    seconds: list[float] = field(default_factory=list)


@dataclass(slots=True)
class FaultFigures:
    """All kinds at one venue, and every line in which ledger and books differed at the end."""

    venue: BrokerType
    users: int
    kinds: list[KindFigures] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, nothing came twice and both sides tell the same."""
        return not self.differences and not any(kind.lost or kind.twice for kind in self.kinds)


def count_orders(copies: Sequence[CopyRow], orders: Sequence[dict[str, Any]], figures: KindFigures) -> None:
    """Hold the plan of one signal against what the exchange's books have since.

    Args:
        copies: all of one signal.
        orders: as the control API gives them, the master's too.
        figures: what is found is added to them.
    """
    placed = Counter(order["account"] for order in orders if order["account"] != "master")
    sized = [copy for copy in copies if copy.quantity]
    expected = Counter(copy.account.name for copy in sized)
    refused = Counter(copy.account.name for copy in sized if copy.state not in _NO_END and copy.reason)
    figures.expected += expected.total()
    figures.placed += placed.total()
    figures.reasons += refused.total()
    # Counters drop what is below zero.
    figures.lost += (expected - placed - refused).total()
    figures.twice += (placed - expected).total()
    figures.seconds += [copy.settled_at - copy.planned_at for copy in sized if copy.settled_at is not None]


def faults_table(figures: FaultFigures) -> Table:
    """One venue's figures as people read them, with a total."""
    rows = [_row(kind) for kind in figures.kinds]
    if len(rows) > 1:
        rows.append(_row(_total(figures.kinds)))
    columns = (
        "fault",
        "times",
        "orders expected",
        "at the venue",
        "with a reason",
        "lost",
        "twice",
        "seconds to settle",
        "longest",
    )
    title = (
        f"{figures.venue.capitalize()}, {figures.users} users; orders expected by the plans, orders found in the "
        f"exchange's own books"
    )
    return table(title, columns, rows, right=columns[1:])


def _row(kind: KindFigures) -> tuple[str, ...]:
    counts = (kind.times, kind.expected, kind.placed, kind.reasons, kind.lost, kind.twice)
    seconds = (statistics.median(kind.seconds), max(kind.seconds)) if kind.seconds else ()
    return (kind.title, *(f"{count:,}" for count in counts), *(f"{value:.1f}" for value in seconds or ()))


def _total(kinds: Sequence[KindFigures]) -> KindFigures:
    total = KindFigures("all")
    for kind in kinds:
        for name in ("times", "expected", "placed", "reasons", "lost", "twice", "seconds"):
            setattr(total, name, getattr(total, name) + getattr(kind, name))
    return total


def faults_as_json(runs: Sequence[FaultFigures]) -> dict[str, Any]:
    """All figures, for scripts; seconds of every copy."""
    return {
        "sound": all(figures.sound for figures in runs),
        "venues": [
            {
                "venue": figures.venue,
                "users": figures.users,
                "sound": figures.sound,
                "faults": [_kind_as_json(kind) for kind in [*figures.kinds, _total(figures.kinds)]],
                "differences": figures.differences,
            }
            for figures in runs
        ],
    }


def _kind_as_json(kind: KindFigures) -> dict[str, Any]:
    return {
        "fault": kind.title,
        "times": kind.times,
        "expected": kind.expected,
        "at_the_venue": kind.placed,
        "with_a_reason": kind.reasons,
        "lost": kind.lost,
        "twice": kind.twice,
        "seconds": [round(value, 2) for value in kind.seconds],
    }
