"""Ids as Coinbase makes them: UUIDs."""

from __future__ import annotations

import random
import re
import uuid

UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_NAMESPACE = uuid.UUID("0b7e9d62-52a5-5b3c-8b0f-3f7f1f0a7c11")


class CoinbaseIdentifiers:
    """Makes ids of orders, trades and ledger entries. `salt` must differ from run to run: the venue repeats none."""

    def __init__(self, salt: str) -> None:
        self._random = random.Random(salt)

    def order_id(self) -> str:
        """Like `e4fe65b7-3f27-4757-9792-5568eb8175b7`."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def trade_id(self) -> str:
        """The same form."""
        return self.order_id()

    def ledger_id(self) -> str:
        """The same form."""
        return self.order_id()


def named_uuid(*parts: str) -> str:
    """The same UUID for the same parts, for what a seed and a name decide."""
    return str(uuid.uuid5(_NAMESPACE, ":".join(parts)))
