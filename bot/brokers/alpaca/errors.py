"""What Alpaca's error answers and broken connections mean for what was sent.

Alpaca refuses with HTTP 403 and 422 and a JSON object of ``code`` and ``message``. A code says little - 40010001 is a
name taken twice and a wrong time in force alike - so the table goes by status, code and text. What no row fits and what
has no such object in it is unclear: it may come from something in front of the venue.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import requests

from bot.brokers.alpaca.limits import LIMITED_WAIT_S, LONGEST_LIMITED_WAIT_S
from bot.brokers.failures import NotFound, one_line
from bot.domain.errors import (
    AccountBarred,
    MarketClosed,
    RateLimited,
    VenueError,
    VenueRejected,
    VenueUnclear,
)

_log = logging.getLogger("nija.alpaca")


class Verdict(Enum):
    """What an answer says of the request that got it."""

    REFUSED = auto()
    LIMITED = auto()
    CLOSED = auto()
    BARRED = auto()
    NOT_FOUND = auto()
    UNCLEAR = auto()


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table; None and empty fit everything.

    Attributes:
        status: of HTTP; None for every refusal (4xx).
        code: the venue's; in its absence only rows without one fit.
        text: part of the message, in small letters.
        bare: fits an answer without the venue's JSON object too.
    """

    status: int | None
    code: int | None
    text: str
    verdict: Verdict
    bare: bool = False


#: The first row that fits counts (Alpaca docs, "Working with Orders"; recorded answers).
RULES: tuple[Rule, ...] = (
    # A name is taken for good: the order is there, and is looked up.
    Rule(None, None, "client_order_id must be unique", Verdict.UNCLEAR),
    # Its own web server says so, in HTML, where the headers are missing.
    Rule(401, None, "", Verdict.BARRED, bare=True),
    # The limit is counted in front of everything else.
    Rule(429, None, "", Verdict.LIMITED, bare=True),
    Rule(422, None, "is not active", Verdict.CLOSED),
    Rule(422, None, "is not tradable", Verdict.CLOSED),
    # With a code it is this order that the account may not place.
    Rule(403, 40310000, "forbidden", Verdict.REFUSED),
    Rule(403, None, "forbidden", Verdict.BARRED),
    Rule(403, None, "not authorized", Verdict.BARRED),
    Rule(403, None, "rejected by user request", Verdict.BARRED),
    Rule(403, None, "not allowed for account", Verdict.BARRED),
    Rule(404, 40410000, "", Verdict.NOT_FOUND),
    # Whatever else the venue itself says with these, it did nothing.
    Rule(400, None, "", Verdict.REFUSED),
    Rule(403, None, "", Verdict.REFUSED),
    Rule(422, None, "", Verdict.REFUSED),
)

_LIMITED_HEADER = "X-Ratelimit-Reset"
_KEY_HINT = "is the key right, and is it one for the kind of account (paper or live) that ..._PAPER says?"
_MINIMUM_NOT_MET = ("minimal amount of order", "minimal qty of order", "min_order_size", "minimum order size")


def classify(status: int, body: str, headers: Mapping[str, str], now: Callable[[], float]) -> VenueError:
    """The error for an answer that is no success.

    Args:
        status: of HTTP.
        body: as it came; JSON where the venue itself speaks.
        headers: those of the answer, any capitals.
        now: unix seconds, for waits until a moment that the headers name.

    Returns:
        RateLimited, MarketClosed, AccountBarred, NotFound, VenueRejected or VenueUnclear, not raised.
    """
    said = _said(body)
    code, message = said or (None, "")
    text = f"HTTP {status}: {message}" if message else f"HTTP {status}"
    match _verdict(status, code, message, bare=said is None):
        case Verdict.LIMITED:
            return RateLimited(text, _limited_wait(headers, now()))
        case Verdict.CLOSED:
            return MarketClosed(message)
        case Verdict.BARRED:
            return AccountBarred(f"{text} - {_KEY_HINT}" if status == requests.codes.unauthorized else text)
        case Verdict.NOT_FOUND:
            return NotFound(message)
        case Verdict.REFUSED:
            return VenueRejected(message)
        case Verdict.UNCLEAR:
            return VenueUnclear(text)


def is_minimum_not_met(code: str) -> bool:
    """Whether an order was refused for being below the venue's minimum."""
    return any(text in code.lower() for text in _MINIMUM_NOT_MET)


def _said(body: str) -> tuple[int | None, str] | None:
    """Code and message of the venue's own error object; None when it is none."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return None
    message = answer.get("message") if isinstance(answer, dict) else None
    if not isinstance(message, str) or not message.strip():
        return None
    code = answer.get("code")
    is_code = isinstance(code, int) and not isinstance(code, bool)
    return code if is_code else None, one_line(message)


def _verdict(status: int, code: int | None, message: str, *, bare: bool) -> Verdict:
    if not 400 <= status < 500:
        return Verdict.UNCLEAR
    for rule in RULES:
        fits = rule.status in (None, status) and rule.code in (None, code) and rule.text in message.lower()
        if fits and (rule.bare or not bare):
            return rule.verdict
    if status != requests.codes.not_found:
        _log.error("Alpaca answered HTTP %s %r, which is in no table: taken as unclear", status, message)
    return Verdict.UNCLEAR


def _limited_wait(headers: Mapping[str, str], now: float) -> float:
    try:
        left = float(headers.get(_LIMITED_HEADER) or "") - now
    except ValueError:
        return LIMITED_WAIT_S
    return min(max(left, 1.0), LONGEST_LIMITED_WAIT_S) if left == left else LIMITED_WAIT_S
