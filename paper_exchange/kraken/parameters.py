"""Reads the parameters of a call, from a query string, a form or a JSON body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import orjson

from paper_exchange.kraken.errors import invalid_argument

_PLAIN_NUMBER = re.compile(r"^(\d+(\.\d*)?|\.\d+)$")
_INDEXED = re.compile(r"^(\w+)\[(\d+)\](?:\[([\w\[\]]+)\])?$")
_CLIENT_IDS = (
    re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"),
    re.compile(r"^[0-9a-fA-F]{32}$"),
    re.compile(r"^[\x21-\x7e]{1,18}$"),
)
_INT32 = 2**31
_MOST_DIGITS = 20


class Parameters:
    """The parameters of one call as text; what the venue does not know is left unread, as the venue does."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    @classmethod
    def from_query(cls, text: bytes) -> Parameters:
        """From `a=1&b=2`; of a repeated name the last counts."""
        return cls(dict(parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True)))

    @classmethod
    def from_body(cls, body: bytes, content_type: str) -> Parameters:
        """From a form, or from JSON if the content type says so; what cannot be read counts as empty."""
        if "json" not in content_type:
            return cls.from_query(body)
        try:
            values = orjson.loads(body)
        except orjson.JSONDecodeError:
            return cls({})
        return cls(values if isinstance(values, dict) else {})

    def text(self, name: str) -> str | None:
        """The value as text, `None` when absent or empty."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value)

    def flag(self, name: str) -> bool:
        """Whether the value says true."""
        return (self.text(name) or "").lower() in {"true", "1"}

    def names(self, name: str) -> list[str]:
        """A comma separated list, or a JSON list."""
        value = self._values.get(name)
        if isinstance(value, list):
            return [str(item) for item in value]
        return [part.strip() for part in (self.text(name) or "").split(",") if part.strip()]

    def whole(self, name: str, default: int | None = None) -> int | None:
        """An integer; raises KrakenError for anything else."""
        text = self.text(name)
        if text is None:
            return default
        digits = text[1:] if text[0] in "+-" else text
        if not (digits.isascii() and digits.isdigit()) or len(digits) > _MOST_DIGITS:
            raise invalid_argument(name)
        return int(text)

    def seconds(self, name: str) -> float | None:
        """Unix seconds, perhaps with a fraction; raises KrakenError for anything else."""
        number = self.number(name)
        return None if number is None else float(number)

    def number(self, name: str) -> Decimal | None:
        """A plain decimal without sign or exponent; raises KrakenError for anything else."""
        text = self.text(name)
        return None if text is None else plain_number(text, name)

    def user_reference(self) -> int | None:
        """`userref`, a signed 32-bit number (Kraken REST docs, AddOrder)."""
        value = self.whole("userref")
        if value is not None and not -_INT32 <= value < _INT32:
            raise invalid_argument("userref")
        return value

    def client_order_id(self) -> str | None:
        """`cl_ord_id`: a UUID with or without dashes, or at most 18 ASCII characters (Kraken REST docs, AddOrder)."""
        text = self.text("cl_ord_id")
        if text is not None and not any(form.match(text) for form in _CLIENT_IDS):
            raise invalid_argument("cl_ord_id")
        return text

    def deadline(self) -> float | None:
        """`deadline` in unix seconds, from RFC 3339."""
        text = self.text("deadline")
        if text is None:
            return None
        try:
            # Clients may send nanoseconds; datetime reads microseconds.
            parsed = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
        except ValueError:
            raise invalid_argument("deadline") from None
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()

    def items(self, name: str) -> list[Any]:
        """A JSON list, or the form fields `name[0]=..` and `name[0][field]=..` put together in order."""
        value = self._values.get(name)
        if isinstance(value, list):
            return value
        found: dict[int, Any] = {}
        for key, text in self._values.items():
            match = _INDEXED.match(key)
            if match is None or match[1] != name:
                continue
            if match[3] is None:
                found[int(match[2])] = text
            else:
                found.setdefault(int(match[2]), {})[match[3]] = text
        return [found[index] for index in sorted(found)]

    def nonce(self) -> str:
        """The nonce as text of a 64-bit number; empty when there is none."""
        text = self.text("nonce") or ""
        return text if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else ""


def plain_number(text: str, name: str) -> Decimal:
    """A decimal without sign or exponent: Kraken refuses `1E-5`; raises KrakenError naming the argument."""
    if not _PLAIN_NUMBER.match(text):
        raise invalid_argument(name)
    return Decimal(text)


def required(value: str | None, name: str) -> str:
    """The value, or KrakenError naming the argument that is missing."""
    if value is None:
        raise invalid_argument(name)
    return value
