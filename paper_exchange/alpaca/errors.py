"""Alpaca's refusals: HTTP status, code and wording (Alpaca docs, Working with Orders; recorded answers).

A code says little: 40010001 stands for a duplicate id and for a bad time in force alike, so clients read the message.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper_exchange.alpaca.formats import plain

_INVALID = 40010001
_UNPROCESSABLE = 42210000
_FORBIDDEN = 40310000
_NOT_FOUND = 40410000


class AlpacaError(Exception):
    """The answer is an error. `code` is left out of the body where it is `None`; `details` stand beside the message."""

    def __init__(self, status: int, code: int | None, message: str, **details: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def body(self) -> dict[str, Any]:
        """The JSON object, its names in alphabetical order as the venue has them."""
        named: dict[str, Any] = {**self.details, "message": self.message}
        if self.code is not None:
            named["code"] = self.code
        return dict(sorted(named.items()))


class NoCredentials(AlpacaError):
    """The call has no key at all: the web server before the venue refuses it, with a page of its own."""

    def __init__(self) -> None:
        super().__init__(401, None, "Authorization Required")


def unauthorized() -> AlpacaError:
    """The key is unknown, its secret is wrong, or it was revoked."""
    return AlpacaError(401, None, "unauthorized.")


def forbidden() -> AlpacaError:
    """The key may not do this."""
    return AlpacaError(403, None, "forbidden.")


def endpoint_not_found() -> AlpacaError:
    """There is no such path."""
    return AlpacaError(404, None, "endpoint not found.")


def internal_error() -> AlpacaError:
    """The exchange itself failed."""
    return AlpacaError(500, 50010000, "internal server error occurred")


def unavailable() -> AlpacaError:
    """The venue is down for maintenance."""
    return AlpacaError(503, 50310000, "service unavailable")


def rate_limit_exceeded() -> AlpacaError:
    """More calls than an account has in a minute."""
    return AlpacaError(429, 42910000, "rate limit exceeded")


def malformed_body() -> AlpacaError:
    """The body of a POST is not a JSON object."""
    return AlpacaError(400, 40010000, "request body format is invalid")


def bad_parameter(name: str, value: str) -> AlpacaError:
    """A parameter of a query cannot be read."""
    return AlpacaError(400, None, f"Invalid format for parameter {name}: {value}")


def invalid_symbol(name: str) -> AlpacaError:
    """Market data know symbols with a slash only."""
    return AlpacaError(400, None, f"invalid symbol: {name} does not match ^[A-Z]+/[A-Z]+$")


def invalid(message: str) -> AlpacaError:
    """An order that is wrong in form."""
    return AlpacaError(422, _INVALID, message)


def unprocessable(message: str) -> AlpacaError:
    """An order that is right in form and cannot be."""
    return AlpacaError(422, _UNPROCESSABLE, message)


def refused(message: str) -> AlpacaError:
    """An order that the account or the size does not allow."""
    return AlpacaError(403, _FORBIDDEN, message)


def not_found(message: str) -> AlpacaError:
    """No such order, position or asset."""
    return AlpacaError(404, _NOT_FOUND, message)


def duplicate_client_order_id() -> AlpacaError:
    """The id was used by any earlier order of the account, whatever became of it."""
    return invalid("client_order_id must be unique")


def insufficient_balance(
    asset: str, requested: Decimal, available: Decimal, balance: Decimal, quote: str
) -> AlpacaError:
    """The account has too little of what the order pays with; `symbol` is the quote currency for sells too."""
    return AlpacaError(
        403,
        _FORBIDDEN,
        f"insufficient balance for {asset} (requested: {plain(requested)}, available: {plain(available)})",
        available=plain(available),
        balance=plain(balance),
        symbol=quote,
    )
