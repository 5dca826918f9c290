"""Numbers and times as Coinbase writes them: numbers are strings without padding."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

_AVERAGE_STEP = Decimal(1).scaleb(-16)


def plain(value: Decimal) -> str:
    """A plain decimal string without padding and without exponent."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ratio(numerator: Decimal, denominator: Decimal) -> str:
    """A quotient to sixteen decimals, zero for nothing."""
    if not denominator:
        return "0"
    return plain((numerator / denominator).quantize(_AVERAGE_STEP, ROUND_HALF_UP))


def iso(unix: float) -> str:
    """Like `2024-12-05T14:01:07.278515Z`."""
    return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def unix_seconds(text: str) -> float:
    """An RFC 3339 time; raises ValueError."""
    at = datetime.fromisoformat(text.replace(" ", "+"))
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
