"""API keys: who is calling, and how often."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from paper_exchange.alpaca.errors import unauthorized
from paper_exchange.alpaca.limits import Window
from paper_exchange.core.accounts import Account
from paper_exchange.core.orders import Order

_KEY_LENGTH = 18
_SECRET_LENGTH = 40


@dataclass(slots=True, eq=False)
class ApiKey:
    """One key of one account, with what Alpaca knows of that account.

    `notionals` holds, by client order id, the amount in quote of orders that were asked for by amount. `text_frames`:
    its stream comes in text frames, as of live accounts, instead of binary ones, as of paper accounts.
    `trading_blocked`: what the account says of itself.
    """

    account: Account
    key: str
    secret: str
    account_id: str
    account_number: str
    opened_at: float
    text_frames: bool = False
    trading_blocked: bool = False
    window: Window = field(default_factory=Window)
    notionals: dict[str, Decimal] = field(default_factory=dict)

    def notional_of(self, order: Order) -> Decimal | None:
        """The amount that an order was asked for by, `None` where it was asked for by quantity."""
        return self.notionals.get(order.ticket.client_order_id or "")


class KeyRing:
    """All keys of the venue."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.by_key: dict[str, ApiKey] = {}
        self.by_account: dict[str, ApiKey] = {}

    def make(self, account: Account, key: str | None, secret: str | None, opened_at: float) -> ApiKey:
        """Takes in a key for an account; what is not given is the same for the same seed and name."""
        made = ApiKey(
            account,
            key or "PK" + base64.b32encode(self._digest(account.name, "key")).decode()[:_KEY_LENGTH],
            secret or base64.b64encode(self._digest(account.name, "secret"), altchars=b"xX").decode()[:_SECRET_LENGTH],
            account_id=str(uuid.UUID(bytes=self._digest(account.name, "id")[:16], version=4)),
            account_number=f"{int.from_bytes(self._digest(account.name, 'number')[:4], 'big') % 10**9:09d}",
            opened_at=opened_at,
        )
        self.by_key[made.key] = made
        self.by_account[account.name] = made
        return made

    def check_unused(self, key: str | None) -> None:
        """Raises ValueError when the key is in use already."""
        if key is not None and key in self.by_key:
            raise ValueError(f"this API key is in use by {self.by_key[key].account.name}")

    def identify(self, key: str, secret: str) -> ApiKey:
        """The live key of these two texts; raises AlpacaError when there is none."""
        found = self.by_key.get(key)
        if (
            found is None
            or not found.account.enabled
            or not hmac.compare_digest(found.secret.encode(), secret.encode())
        ):
            raise unauthorized()
        return found

    def _digest(self, name: str, purpose: str) -> bytes:
        return hashlib.sha512(f"paper:{self._seed}:{name}:alpaca:{purpose}".encode()).digest()


class AlpacaIdentifiers:
    """Makes UUIDs. `salt` must differ from run to run: the venue repeats none."""

    def __init__(self, salt: str) -> None:
        self._bits: Callable[[int], int] = random.Random(salt).getrandbits

    def order_id(self) -> str:
        """Like `e6419d12-56e4-4d67-a61b-f6e464e1f8a8`."""
        return self._uuid()

    def trade_id(self) -> str:
        """The same."""
        return self._uuid()

    def ledger_id(self) -> str:
        """The same."""
        return self._uuid()

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._bits(128), version=4))
