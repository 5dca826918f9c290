"""Coinbase's refusals: HTTP errors, and orders that are answered with HTTP 200 and `success: false`."""

from __future__ import annotations

import uuid

import orjson

from paper_exchange.core.reply import Reply

UNAUTHORIZED = "Unauthorized"
PERMISSION_DENIED = "PERMISSION_DENIED"
INVALID_ARGUMENT = "INVALID_ARGUMENT"
NOT_FOUND = "NOT_FOUND"
INTERNAL = "INTERNAL"
RATE_LIMIT = "rate_limit_exceeded"
UNAVAILABLE = "UNAVAILABLE"
MISSING_SCOPES = "Missing required scopes"
_TEXT = b"text/plain; charset=utf-8"


class CoinbaseError(Exception):
    """A call that is answered with an HTTP error; `error` is its short name, `message` what is wrong."""

    def __init__(self, status: int, error: str, message: str = "") -> None:
        super().__init__(f"{status} {error} {message}".strip())
        self.status = status
        self.error = error
        self.message = message


class OrderRefused(Exception):
    """An order that the venue does not take: HTTP 200, `success: false`.

    `reason` is of NewOrderFailureReason, `preview_reason` of PreviewFailureReason (Coinbase docs, Create Order).
    """

    def __init__(self, reason: str, preview_reason: str, message: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.preview_reason = preview_reason
        self.message = message


def invalid_argument(message: str) -> CoinbaseError:
    """HTTP 400 INVALID_ARGUMENT."""
    return CoinbaseError(400, INVALID_ARGUMENT, message)


def refuse(error: CoinbaseError) -> Reply:
    """What an error looks like: 401 and 503 are plain text, 429 has a form of its own."""
    if error.status == 401:
        return Reply(b"Unauthorized\n", 401, _TEXT, error.error)
    if error.status == 503:
        return Reply(f"go/sg/{uuid.uuid4()}".encode(), 503, _TEXT, error.error)
    if error.status == 429:
        body = orjson.dumps({"errors": [{"id": RATE_LIMIT, "message": error.message or "Too many requests"}]})
        return Reply(body, 429, error=error.error)
    # The official SDK looks for this text in the body, so it must be JSON without spaces.
    body = orjson.dumps({"error": error.error, "error_details": error.message, "message": error.message})
    return Reply(body, error.status, error=error.error)
