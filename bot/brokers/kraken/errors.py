"""What Kraken's error strings, HTTP statuses and broken connections mean for what was sent.

The table says for each string what is known of an order that got it. A string that is not listed counts as a refusal
when its category only ever refuses (EOrder, EQuery, EFunding, EAPI), and as unclear otherwise.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from enum import Enum, auto

import requests

from bot.brokers import failures
from bot.brokers.failures import one_line
from bot.domain.errors import (
    AccountBarred,
    MarketClosed,
    RateLimited,
    VenueError,
    VenueRejected,
    VenueUnclear,
    VenueUnreachable,
)

_log = logging.getLogger("nija.kraken")


class NonceRefused(VenueRejected):
    """The nonce was not above the highest one of the key. On a first send nothing was done."""


class Verdict(Enum):
    """What a string says of the request that got it."""

    REFUSED = auto()
    LIMITED = auto()
    CLOSED = auto()
    BARRED = auto()
    NONCE = auto()
    UNCLEAR = auto()


_PERMISSION_DENIED = "EGeneral:Permission denied"
_UNKNOWN_METHOD = "EGeneral:Unknown method"

#: Beginning of the string -> verdict and, for LIMITED, seconds to wait. The longest beginning wins.
#: Kraken REST docs, "Error messages"; the texts as the live venue sends them.
RULES: dict[str, tuple[Verdict, float]] = {
    "EAPI:Invalid key": (Verdict.BARRED, 0),
    # Requests that would be signed wrong are refused before they are sent, so this one is the secret's fault.
    "EAPI:Invalid signature": (Verdict.BARRED, 0),
    "EAPI:Invalid nonce": (Verdict.NONCE, 0),
    "EAPI:Rate limit exceeded": (Verdict.LIMITED, 10),
    "EAPI:Feature disabled": (Verdict.REFUSED, 0),
    "EAPI:Bad request": (Verdict.REFUSED, 0),
    _UNKNOWN_METHOD: (Verdict.REFUSED, 0),
    _PERMISSION_DENIED: (Verdict.BARRED, 0),
    "EGeneral:Invalid arguments": (Verdict.REFUSED, 0),
    "EGeneral:Temporary lockout": (Verdict.LIMITED, 900),
    "EGeneral:Internal error": (Verdict.UNCLEAR, 0),
    "EGeneral:Too many requests": (Verdict.LIMITED, 10),
    "EService:Unavailable": (Verdict.UNCLEAR, 0),
    "EService:Busy": (Verdict.UNCLEAR, 0),
    "EService:Timeout": (Verdict.UNCLEAR, 0),
    "EService:Market in cancel_only mode": (Verdict.CLOSED, 0),
    "EService:Market in post_only mode": (Verdict.CLOSED, 0),
    "EService:Market in limit_only mode": (Verdict.CLOSED, 0),
    # By its meaning a refusal; clients that trade a lot look once before they believe it.
    "EService:Deadline elapsed": (Verdict.UNCLEAR, 0),
    "EOrder:Rate limit exceeded": (Verdict.LIMITED, 5),
    "EOrder:Domain rate limit exceeded": (Verdict.LIMITED, 5),
    "EAccount:Invalid permissions": (Verdict.BARRED, 0),
    # With a detail it is one coin that the account's country may not trade, not the account.
    "EAccount:Invalid permissions:": (Verdict.REFUSED, 0),
    "EAuth:Account temporary disabled": (Verdict.BARRED, 0),
    "EAuth:Account unconfirmed": (Verdict.BARRED, 0),
    "EAuth:Rate limit exceeded": (Verdict.LIMITED, 15),
    "EAuth:Too many requests": (Verdict.LIMITED, 15),
    "ETrade:Invalid request": (Verdict.REFUSED, 0),
    "EBM:limit exceeded": (Verdict.REFUSED, 0),
    "ESession:Invalid session": (Verdict.REFUSED, 0),
}
_REFUSING_CATEGORIES = ("EOrder:", "EQuery:", "EFunding:", "EAPI:")
_THROTTLED = "EService:Throttled:"
#: A throttling that names a time in the past, none, or one far away, waits at least and at most this long, seconds.
_THROTTLED_WAIT = (1.0, 300.0)

#: Cloudflare could not reach the venue's servers, so these got nothing.
_NOT_RECEIVED_STATUSES = frozenset({521, 523, 525, 526})
_LIMITED_STATUS = 429
_LIMITED_STATUS_WAIT_S = 10.0

_MINIMUM_NOT_MET = ("volume minimum not met", "order minimum not met", "cost minimum not met")


def classify(code: str, now: Callable[[], float] = time.time) -> VenueError:
    """The error for one of the venue's strings.

    Args:
        code: as it stands in the answer's ``error`` list.
        now: unix seconds, for throttling until a time that the string names.

    Returns:
        RateLimited, MarketClosed, AccountBarred, NonceRefused, VenueRejected or VenueUnclear, not raised.
    """
    text = one_line(code)
    key = text.replace(": ", ":")
    if key.startswith(_THROTTLED):
        return RateLimited(text, _throttled_wait(key, now()))
    verdict, wait_s = _rule_of(key)
    match verdict:
        case Verdict.LIMITED:
            return RateLimited(text, wait_s)
        case Verdict.CLOSED:
            return MarketClosed(text)
        case Verdict.BARRED:
            return AccountBarred(text)
        case Verdict.NONCE:
            return NonceRefused(text)
        case Verdict.REFUSED:
            return VenueRejected(text)
        case Verdict.UNCLEAR:
            return VenueUnclear(text)


def worst_of(codes: Iterable[str], now: Callable[[], float] = time.time) -> VenueError:
    """The error to act on when an answer names several: doubt before refusal, the account before the request.

    Raises:
        ValueError: there is none.
    """
    return max((classify(code, now) for code in codes), key=_severity)


def translate(error: Exception) -> VenueError:
    """As :func:`bot.brokers.failures.translate`; of a status that krakenex raises for, what the answer says counts."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _of_status(error.response)
    return failures.translate(error)


def is_minimum_not_met(code: str) -> bool:
    """Whether an order was refused for being below the pair's minimum, in any of the venue's spellings."""
    return any(text in code.lower() for text in _MINIMUM_NOT_MET)


def is_duplicate_client_id(code: str) -> bool:
    """Whether an order was refused because one of the same client order id is open."""
    return "cl_ord_id not unique" in code.lower()


def is_permission_denied(code: str) -> bool:
    """Whether the key may not do what was asked, or not from here."""
    return code.startswith(_PERMISSION_DENIED)


def is_unknown_method(code: str) -> bool:
    """Whether the server does not have what was asked for at all."""
    return code.startswith(_UNKNOWN_METHOD)


def is_insufficient_funds(code: str) -> bool:
    """Whether an order was refused for lack of money or coins."""
    return "insufficient funds" in code.lower()


def _rule_of(key: str) -> tuple[Verdict, float]:
    beginnings = [beginning for beginning in RULES if key.startswith(beginning)]
    if beginnings:
        return RULES[max(beginnings, key=len)]
    if key.startswith(_REFUSING_CATEGORIES):
        return Verdict.REFUSED, 0
    _log.error("Kraken answered %r, which is in no table: taken as unclear", key)
    return Verdict.UNCLEAR, 0


def _throttled_wait(key: str, now: float) -> float:
    shortest, longest = _THROTTLED_WAIT
    try:
        until = float(key.removeprefix(_THROTTLED))
    except ValueError:
        return shortest
    return min(max(until - now, shortest), longest)


def _severity(error: VenueError) -> int:
    order = (VenueRejected, MarketClosed, RateLimited, AccountBarred, VenueUnclear)
    return max(rank for rank, kind in enumerate(order) if isinstance(error, kind))


def _of_status(response: requests.Response) -> VenueError:
    status = response.status_code
    codes = _codes_of(response) if status < 500 else []
    if codes:
        return worst_of(codes)
    if status in _NOT_RECEIVED_STATUSES:
        return VenueUnreachable(f"HTTP {status}: the venue's servers were not reached")
    if status == _LIMITED_STATUS:
        return RateLimited(f"HTTP {status}: too many requests", _LIMITED_STATUS_WAIT_S)
    return VenueUnclear(f"HTTP {status}")


def _codes_of(response: requests.Response) -> list[str]:
    try:
        answer = response.json()
    except ValueError:
        return []
    codes = answer.get("error") if isinstance(answer, dict) else None
    return [code for code in codes if isinstance(code, str)] if isinstance(codes, list) else []
