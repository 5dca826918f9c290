"""Fields that Coinbase's answers and questions have beside those of :mod:`bot.brokers.answers`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.brokers.answers import mapping_of, moment_of
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.money import positive


def rows_of(answer: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects of a list. Raises VenueUnclear, which names it, when there is none."""
    rows = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(rows, list):
        raise VenueUnclear(f"the venue's answer has no {name}")
    return [mapping_of(row, f"one of the {name}") for row in rows]


def time_of(value: Any) -> float:
    """Unix seconds of an RFC 3339 time, of any number of decimals; 0 where there is none."""
    try:
        return moment_of(value, "a time").timestamp()
    except VenueUnclear:
        return 0.0


def rfc3339(unix_s: float) -> str:
    """A moment as the venue is asked for it, cut to the millisecond."""
    return datetime.fromtimestamp(max(unix_s, 0.0), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def price_or_none(value: Any) -> Decimal | None:
    """A price above zero; None where there is none."""
    try:
        return positive(value, "price")
    except InvalidAmount:
        return None
