"""What Coinbase's refusals, HTTP statuses and broken connections mean for what was sent.

A refused order is an answer with HTTP 200 and ``success: false``. The list of reasons is an open one: a reason that is
in no table is a refusal, too. Every 5xx is unclear, whatever its body says.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from bot.brokers.coinbase.limits import LIMITED_FOR_S, LIMITED_WAIT
from bot.brokers.failures import NotFound, one_line
from bot.domain.errors import (
    AccountBarred,
    MarketClosed,
    RateLimited,
    VenueError,
    VenueRejected,
    VenueUnclear,
)

_log = logging.getLogger("nija.coinbase")


class TokenRefused(AccountBarred):
    """HTTP 401: nothing was done. It also comes now and then for a good token, so that one more is worth a try."""


class Verdict(Enum):
    """What a reason says of the order that got it."""

    REFUSED = auto()
    CLOSED = auto()
    UNCLEAR = auto()


#: Reason of a refused order -> what it means. CLOSED passes: the same order may leave later.
#: Coinbase Advanced Trade docs, Create Order: NewOrderFailureReason and PreviewFailureReason.
REASONS: dict[str, Verdict] = {
    "UNSUPPORTED_ORDER_CONFIGURATION": Verdict.REFUSED,
    "INVALID_SIDE": Verdict.REFUSED,
    "INVALID_PRODUCT_ID": Verdict.REFUSED,
    "INVALID_SIZE_PRECISION": Verdict.REFUSED,
    "INVALID_PRICE_PRECISION": Verdict.REFUSED,
    "INSUFFICIENT_FUND": Verdict.REFUSED,
    "INSUFFICIENT_FUNDS": Verdict.REFUSED,
    "INVALID_LEDGER_BALANCE": Verdict.REFUSED,
    "ORDER_ENTRY_DISABLED": Verdict.CLOSED,
    "INELIGIBLE_PAIR": Verdict.REFUSED,
    "INVALID_LIMIT_PRICE_POST_ONLY": Verdict.REFUSED,
    "INVALID_LIMIT_PRICE": Verdict.REFUSED,
    "INVALID_NO_LIQUIDITY": Verdict.CLOSED,
    "INVALID_REQUEST": Verdict.REFUSED,
    "COMMANDER_REJECTED_NEW_ORDER": Verdict.CLOSED,
    "UNTRADABLE_PRODUCT": Verdict.REFUSED,
    "GEOFENCING_RESTRICTION": Verdict.REFUSED,
    "TRADING_DISABLED": Verdict.CLOSED,
    "PRODUCT_TRADING_HALTED": Verdict.CLOSED,
    "LIMIT_PRICE_TOO_FAR_FROM_MARKET": Verdict.REFUSED,
    # One of this name is there already: to be looked up and taken for ours.
    "DUPLICATE_CLIENT_ORDER_ID": Verdict.UNCLEAR,
    "PREVIEW_INSUFFICIENT_FUND": Verdict.REFUSED,
    "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL": Verdict.REFUSED,
    "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE": Verdict.REFUSED,
    "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL": Verdict.REFUSED,
    "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE": Verdict.REFUSED,
    "PREVIEW_INVALID_SIZE_PRECISION": Verdict.REFUSED,
    "PREVIEW_INVALID_QUOTE_SIZE_PRECISION": Verdict.REFUSED,
    "PREVIEW_INVALID_PRICE_PRECISION": Verdict.REFUSED,
    "PREVIEW_INVALID_ORDER_CONFIG": Verdict.REFUSED,
    "PREVIEW_NOT_ALLOWED_BY_MARKET_STATE": Verdict.CLOSED,
    "PREVIEW_TRADING_DISABLED": Verdict.CLOSED,
    "PREVIEW_NON_NUMERIC_ORDER_SIZE": Verdict.REFUSED,
}
#: Stands where no reason is given, also beside a field that gives one.
_NO_REASON = ("", "UNKNOWN_FAILURE_REASON", "UNKNOWN_PREVIEW_FAILURE_REASON")
#: The first is the current one, the others are older and still sent.
_REASON_FIELDS = ("new_order_failure_reason", "error", "preview_failure_reason")
#: Part of a reason that says: what is known of the instrument is not true any more.
_ABOUT_THE_INSTRUMENT = ("_TOO_SMALL", "_TOO_LARGE", "_PRECISION", "UNTRADABLE_PRODUCT", "INVALID_PRODUCT_ID")

#: Statuses that say for certain that nothing was placed.
_REFUSING_STATUSES = frozenset({400, 404, 405, 413, 415, 422})
#: What ``error`` says in a 403 that is about the key and not about one request.
_BARRING_WORDS = frozenset({"PERMISSION_DENIED", "UNAUTHENTICATED", "UNAUTHORIZED"})


def rejection_of(answer: Mapping[str, Any]) -> VenueError:
    """The error for an answer with ``success: false``.

    Returns:
        MarketClosed, VenueRejected or VenueUnclear, not raised; UNCLEAR also where no reason is given.
    """
    row = answer.get("error_response")
    if not isinstance(row, Mapping):
        return VenueUnclear("the answer refuses and does not say why")
    reasons = [reason for name in _REASON_FIELDS if isinstance(reason := row.get(name), str)]
    reason = next((reason for reason in reasons if reason not in _NO_REASON), "")
    said = one_line(row.get("message") or row.get("error_details") or "")
    if not reason:
        return VenueUnclear(f"the answer refuses without a reason{f': {said}' if said else ''}")
    text = one_line(f"{reason}: {said}" if said else reason)
    match _verdict_of(reason):
        case Verdict.REFUSED:
            return VenueRejected(text)
        case Verdict.CLOSED:
            return MarketClosed(text)
        case Verdict.UNCLEAR:
            return VenueUnclear(text)


def status_error(status: int, answer: Any, retry_after: str | None = None) -> VenueError:
    """The error for an HTTP status that is no success.

    Args:
        answer: the body as parsed JSON; None where it is none.
        retry_after: the header, seconds.
    """
    text = one_line(" ".join([f"HTTP {status}", *_words(answer)]))
    if status == 401:
        return TokenRefused(
            f"{text}: Coinbase does not take the API key; check key and secret, and this machine's clock"
        )
    if status == 429:
        return RateLimited(text, _wait_s(retry_after))
    if status == 403 and isinstance(answer, Mapping):
        # A page of HTML instead would be a gateway's, and says nothing.
        barred = str(answer.get("error")).upper() in _BARRING_WORDS or "scopes" in text
        return AccountBarred(f"{text}: the API key may not do this") if barred else VenueRejected(text)
    if status == 404:
        return NotFound(text)
    return VenueRejected(text) if status in _REFUSING_STATUSES else VenueUnclear(text)


def is_about_the_instrument(error: VenueRejected) -> bool:
    """Whether steps, minimums or state of the instrument have to be asked for again."""
    return isinstance(error, MarketClosed) or any(part in error.code for part in _ABOUT_THE_INSTRUMENT)


def _verdict_of(reason: str) -> Verdict:
    if reason not in REASONS:
        _log.warning("Coinbase refused an order with %r, which is in no table", reason)
    return REASONS.get(reason, Verdict.REFUSED)


def _words(answer: Any) -> list[str]:
    if not isinstance(answer, Mapping):
        return []
    listed = answer.get("errors")
    if isinstance(listed, list) and listed and isinstance(listed[0], Mapping):
        # The form of a 429.
        answer = {"error": listed[0].get("id"), "message": listed[0].get("message")}
    words = [answer.get("error"), answer.get("message") or answer.get("error_details")]
    return list(dict.fromkeys(word for word in words if isinstance(word, str) and word))


def _wait_s(retry_after: str | None) -> float:
    shortest, longest = LIMITED_WAIT
    try:
        return min(max(float(retry_after or LIMITED_FOR_S), shortest), longest)
    except ValueError:
        return LIMITED_FOR_S
