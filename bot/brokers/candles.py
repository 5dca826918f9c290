"""What the candles of all venues have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd

from bot.brokers.failures import translated
from bot.brokers.limiter import Pacer
from bot.domain.errors import InvalidAmount, RateLimited

_T = TypeVar("_T")
_NameT = TypeVar("_NameT")

COLUMNS = ("time", "open", "high", "low", "close", "volume")

#: How many are asked for: as many as the venue that gives the fewest at all gives at once.
WANTED = 720


def frame_of(rows: Iterable[Sequence[Any]]) -> Any:
    """A frame of rows ``(time, open, high, low, close, volume)``: values as the venue wrote them, order as given."""
    # object: what is written exactly must not become a float before it was looked at.
    return pd.DataFrame(list(rows), columns=list(COLUMNS), dtype=object)


def length_of(names: Mapping[int, _NameT], interval_s: int, venue: str) -> _NameT:
    """What a venue calls candles of this length.

    Raises:
        InvalidAmount: it has none such; the text names those that it has.
    """
    if interval_s not in names:
        there = ", ".join(str(seconds // 60) for seconds in names)
        raise InvalidAmount(f"{venue} has no candles of {interval_s} s; in minutes it has {there}")
    return names[interval_s]


def in_turn(pacer: Pacer, ask: Callable[[], _T]) -> _T:
    """Ask once the venue's limit on public questions allows it; what the SDK raises, translated.

    Raises:
        VenueError: by what is known of the question.
    """
    pacer.acquire()
    try:
        return translated(ask)
    except RateLimited:
        # The address is shared with whatever else runs there.
        pacer.exhaust()
        raise
