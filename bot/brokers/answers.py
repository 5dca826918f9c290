"""Single fields of a venue's answer, read one by one; what cannot be read is unclear, and named. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.money import to_decimal


def mapping_of(value: Any, what: str) -> Mapping[str, Any]:
    """An object; ``what`` names it in the error, here and below. Raises VenueUnclear."""
    if not isinstance(value, Mapping):
        raise VenueUnclear(f"{what} is no object in the venue's answer")
    return value


def list_of(value: Any, what: str) -> list[Any]:
    """A list. Raises VenueUnclear."""
    if not isinstance(value, list):
        raise VenueUnclear(f"{what} is no list in the venue's answer")
    return value


def text_of(row: Mapping[str, Any], name: str, what: str) -> str:
    """A text that is not empty. Raises VenueUnclear."""
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise VenueUnclear(f"{what} has no {name} in the venue's answer")
    return value


def amount_of(row: Mapping[str, Any], name: str, what: str, missing: Decimal | None = None) -> Decimal:
    """An exact number; ``missing`` where there is none, or only an empty text. Raises VenueUnclear."""
    value = row.get(name)
    if value is None or value == "":
        if missing is None:
            raise VenueUnclear(f"{what} has no {name} in the venue's answer")
        return missing
    return number_of(value, f"{name} of {what}")


def number_of(value: Any, what: str) -> Decimal:
    """An exact number. Raises VenueUnclear."""
    try:
        return to_decimal(value, what)
    except InvalidAmount as error:
        raise VenueUnclear(f"{error} in the venue's answer") from error


def moment_of(text: Any, what: str) -> datetime:
    """An RFC 3339 time, to the microsecond. Raises VenueUnclear."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise VenueUnclear(f"{what} is {str(text)[:40]!r}, no time, in the venue's answer") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def whole_of(value: Any, what: str) -> int:
    """A whole number, not below zero; none is zero. Raises VenueUnclear."""
    number = number_of(0 if value is None or value == "" else value, what)
    if number != number.to_integral_value() or number < 0:
        raise VenueUnclear(f"{what} is {value!r} in the venue's answer")
    return int(number)
