"""Numbers and times as Alpaca writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from zoneinfo import ZoneInfo

import orjson

CENT = Decimal("0.01")
#: The venue's clock and the ids of its activities are in New York time.
NEW_YORK = ZoneInfo("America/New_York")
_NANOSECONDS = 1_000_000_000
_TIME = re.compile(r"^(.*T\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(.*)$")


def plain(value: Decimal) -> str:
    """A plain decimal string without padding."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def optional(value: Decimal | None) -> str | None:
    """The same, `None` for none."""
    return None if value is None else plain(value)


def cut_to_cents(value: Decimal) -> Decimal:
    """Dollars as the account shows them, which never looks richer than it is."""
    return value.quantize(CENT, ROUND_DOWN)


def cents(value: Decimal) -> str:
    """The same as text, without padding."""
    return plain(cut_to_cents(value))


def ratio(value: Decimal) -> str:
    """A fraction, to sixteen decimals."""
    return plain(round(value, 16))


def number(value: Decimal) -> orjson.Fragment:
    """A JSON number with all its digits, for market data."""
    return orjson.Fragment(plain(value))


def nanoseconds(unix: float) -> int:
    """Unix nanoseconds: what times are compared in, so that a time that was shown finds its own order."""
    return int(unix * _NANOSECONDS)


def moment(unix: float) -> str:
    """Like `2022-07-27T08:12:33.66897767Z`: nanoseconds, without padding."""
    whole, fraction = _split(unix)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def microseconds(unix: float) -> str:
    """Like `2022-12-28T12:19:29.579352Z`, as in activities."""
    whole, rest = divmod(nanoseconds(unix), _NANOSECONDS)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def seconds(unix: float) -> str:
    """Like `2024-11-01T08:30:00Z`, as in bars."""
    return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%dT%H:%M:%SZ}"


def new_york(unix: float) -> str:
    """Like `2023-11-22T08:07:57.654738097-05:00`."""
    whole, fraction = _split(unix)
    text = datetime.fromtimestamp(whole, NEW_YORK).isoformat()
    return f"{text[:19]}{fraction}{text[19:]}"


def activity_time(unix: float) -> str:
    """Like `20221228071929579`: milliseconds, in New York time."""
    at = datetime.fromtimestamp(unix, NEW_YORK)
    return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}"


def read_nanoseconds(text: str) -> int:
    """A time as clients send it, RFC 3339 or a date, in unix nanoseconds; without a zone it is UTC.

    Raises ValueError.
    """
    found = _TIME.match(text)
    whole, fraction, zone = found.groups() if found else (text, None, "")
    at = datetime.fromisoformat(whole + zone.replace(" ", "+"))
    unix = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    return int(unix) * _NANOSECONDS + int((fraction or "").ljust(9, "0"))


def _split(unix: float) -> tuple[int, str]:
    whole, rest = divmod(nanoseconds(unix), _NANOSECONDS)
    return whole, f".{rest:09d}".rstrip("0").rstrip(".")
