"""Numbers and times as Kraken writes them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import lru_cache

import orjson

VOLUME_DECIMALS = 8
TICKER_DECIMALS = 5


@lru_cache(maxsize=32)
def _step(decimals: int) -> Decimal:
    return Decimal(1).scaleb(-decimals)


def fixed(value: Decimal, decimals: int) -> str:
    """A plain decimal string with exactly so many decimals, rounded half up."""
    return f"{value.quantize(_step(decimals), ROUND_HALF_UP):f}"


def floored(value: Decimal, decimals: int) -> str:
    """A plain decimal string with exactly so many decimals, cut off: a balance never looks larger than it is."""
    return f"{value.quantize(_step(decimals), ROUND_DOWN):f}"


def volume(value: Decimal) -> str:
    """A volume, with eight decimals."""
    return fixed(value, VOLUME_DECIMALS)


def shortest(value: Decimal) -> str:
    """A plain decimal string without padding."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def number(value: Decimal, decimals: int) -> orjson.Fragment:
    """A JSON number with exactly so many decimals, as WebSocket messages have them: `0.00010000`, `80000.0`."""
    return orjson.Fragment(fixed(value, decimals))


def moment(value: float | None) -> float | int:
    """Unix seconds as a JSON number with at most microseconds; 0 for none."""
    return 0 if value is None else round(value, 6)


def iso(unix: float) -> str:
    """Like `2026-10-09T00:10:02Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix))


def rfc3339(unix: float) -> str:
    """Like `2026-01-22T06:06:19.833306Z`."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def rfc1123(unix: float) -> str:
    """Like `Tue, 11 Nov 25 00:17:04 +0000`, with the venue's two-digit year."""
    return time.strftime("%a, %d %b %y %H:%M:%S +0000", time.gmtime(unix))
