"""Reads what a call says: its query, and the JSON object of a POST."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

from paper_exchange.alpaca.errors import bad_parameter, invalid, malformed_body
from paper_exchange.alpaca.formats import read_nanoseconds

_MOST_DIGITS = 30


class Query:
    """The parameters of a URL; what the venue does not know is left unread."""

    def __init__(self, text: bytes) -> None:
        self._values = dict(parse_qsl(text.decode("utf-8", "replace")))

    def text(self, name: str) -> str | None:
        """The value, `None` when absent or empty."""
        return self._values.get(name)

    def names(self, name: str) -> list[str]:
        """The parts of a list with commas."""
        return [part for part in self._values.get(name, "").split(",") if part]

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """One of the allowed words, the first when absent; raises AlpacaError."""
        value = self._values.get(name, allowed[0]).lower()
        if value not in allowed:
            raise bad_parameter(name, value)
        return value

    def whole(self, name: str, default: int, most: int) -> int:
        """A count of at least one and at most so many; raises AlpacaError."""
        value = self._values.get(name)
        if value is None:
            return default
        if not value.isdecimal() or int(value) < 1:
            raise bad_parameter(name, value)
        return min(int(value), most)

    def moment(self, name: str) -> int | None:
        """A time in unix nanoseconds; raises AlpacaError."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            return read_nanoseconds(value)
        except ValueError:
            raise bad_parameter(name, value) from None


class Body:
    """The JSON object of a POST; numbers may come as JSON numbers or as strings and lose no digit."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    @classmethod
    def read(cls, body: bytes) -> Body:
        """Raises AlpacaError for anything but an object."""
        try:
            values = json.loads(body, parse_float=Decimal, parse_int=Decimal)
        except ValueError:
            raise malformed_body() from None
        if not isinstance(values, dict):
            raise malformed_body()
        return cls(values)

    def text(self, name: str) -> str | None:
        """The value, `None` when absent, null or empty; raises AlpacaError for anything but a string."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise malformed_body()
        return value

    def number(self, name: str) -> Decimal | None:
        """A number above zero, `None` when absent, null or empty; raises AlpacaError."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        try:
            number = value if isinstance(value, Decimal) else Decimal(value) if isinstance(value, str) else None
        except InvalidOperation:
            number = None
        if number is None or not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
            raise malformed_body()
        if number <= 0:
            raise invalid(f"{name} must be > 0")
        return number
