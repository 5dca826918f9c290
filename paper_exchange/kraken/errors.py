"""Kraken's error strings, word for word (Kraken REST docs, Errors; some from recorded answers)."""

from __future__ import annotations


class KrakenError(Exception):
    """A call that is answered with an error string; `args[0]` is the string.

    `null_result`: the answer carries `"result": null`, as recorded for unknown pairs on public calls.
    """

    def __init__(self, text: str, *, null_result: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.null_result = null_result


def invalid_argument(detail: str = "") -> KrakenError:
    """`EGeneral:Invalid arguments`, with what is wrong behind a colon."""
    return KrakenError(f"EGeneral:Invalid arguments:{detail}" if detail else "EGeneral:Invalid arguments")


INVALID_KEY = "EAPI:Invalid key"
INVALID_SIGNATURE = "EAPI:Invalid signature"
INVALID_NONCE = "EAPI:Invalid nonce"
RATE_LIMIT = "EAPI:Rate limit exceeded"
FEATURE_DISABLED = "EAPI:Feature disabled"
UNKNOWN_METHOD = "EGeneral:Unknown method"
PERMISSION_DENIED = "EGeneral:Permission denied"
INTERNAL_ERROR = "EGeneral:Internal error"
TOO_MANY_REQUESTS = "EGeneral:Too many requests"
UNKNOWN_PAIR = "EQuery:Unknown asset pair"
UNKNOWN_ASSET = "EQuery:Unknown asset"
SERVICE_UNAVAILABLE = "EService:Unavailable"
DEADLINE_ELAPSED = "EService:Deadline elapsed"
INSUFFICIENT_FUNDS = "EOrder:Insufficient funds"
COST_MINIMUM = "EOrder:Cost minimum not met"
ENGINE_RATE_LIMIT = "EOrder:Rate limit exceeded"
ORDERS_LIMIT = "EOrder:Orders limit exceeded"
POST_ONLY = "EOrder:Post only order"
UNKNOWN_ORDER = "EOrder:Unknown order"
INVALID_ORDER = "EOrder:Invalid order"


def market_mode(mode: str) -> KrakenError:
    """The refusal of a market that takes only some orders; mode like `cancel_only`."""
    return KrakenError(f"EService:Market in {mode} mode")
