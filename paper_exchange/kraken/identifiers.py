"""Ids in Kraken's form: a letter for the kind, then 5-5-6 capital letters and digits."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
ORDER_ID = re.compile(r"^O[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{6}$")
TRADE_ID = re.compile(r"^T[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{6}$")


class KrakenIdentifiers:
    """Makes order (O), trade (T) and ledger (L) ids. `salt` must differ from run to run: the venue repeats none."""

    def __init__(self, salt: str) -> None:
        self._bits: Callable[[int], int] = random.Random(salt).getrandbits

    def order_id(self) -> str:
        """Like `OL7LNO-R4SAD-6UINEU`."""
        return "O" + self._tail()

    def trade_id(self) -> str:
        """Like `TWA6QJ-ZO4EM-6QIHQJ`."""
        return "T" + self._tail()

    def ledger_id(self) -> str:
        """Like `LMKZCZ-Z3GVL-CXKK4H`."""
        return "L" + self._tail()

    def _tail(self) -> str:
        bits = self._bits(80)
        text = "".join([_ALPHABET[(bits >> shift) & 31] for shift in range(0, 80, 5)])
        return f"{text[:5]}-{text[5:10]}-{text[10:]}"
