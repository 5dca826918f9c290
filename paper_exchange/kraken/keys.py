"""API keys: who is calling, what the key may do, and how much it may ask."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from paper_exchange.core.accounts import Account
from paper_exchange.core.limits import Counter
from paper_exchange.kraken.errors import INVALID_KEY, INVALID_NONCE, INVALID_SIGNATURE, KrakenError
from paper_exchange.kraken.limits import LIMITS, Tier

PERMISSIONS = (
    "query-funds",
    "add-funds",
    "withdraw-funds",
    "earn-funds",
    "query-open-trades",
    "query-closed-trades",
    "modify-trades",
    "close-trades",
    "query-ledger",
    "export-data",
    "create-ws-token",
    "add-withdraw-address",
    "update-withdraw-address",
)
DEFAULT_PERMISSIONS = (
    "query-funds",
    "query-open-trades",
    "query-closed-trades",
    "modify-trades",
    "close-trades",
    "query-ledger",
    "create-ws-token",
)
TOKEN_SECONDS = 900
"""How long a WebSocket token may wait for its first use (Kraken REST docs, GetWebSocketsToken)."""
_TOKEN_BYTES = 32


@dataclass(slots=True, eq=False)
class ApiKey:
    """One key of one account.

    `nonce` is the highest accepted; `valid_until` (unix seconds, 0 for ever) and `ip_allowlist` are told and not
    enforced; `order_counters` are per symbol; `tokens` are the WebSocket tokens with the unix
    time of their end.
    """

    account: Account
    key: str
    secret: str
    permissions: frozenset[str] = frozenset(DEFAULT_PERMISSIONS)
    nonce_window: int = 0
    valid_until: int = 0
    ip_allowlist: tuple[str, ...] = ()
    tier: Tier = Tier.INTERMEDIATE
    nonce: int = 0
    created_at: float = 0.0
    last_used_at: float = 0.0
    call_counter: Counter = field(default_factory=Counter)
    order_counters: dict[str, Counter] = field(default_factory=dict)
    secret_bytes: bytes = field(init=False)
    tokens: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.secret_bytes = base64.b64decode(self.secret)

    def call_level(self) -> float:
        """The points on the call counter now."""
        return self.call_counter.level(LIMITS[self.tier].call_decay, time.monotonic())

    def order_counter(self, symbol: str) -> Counter:
        """The engine's counter of one symbol."""
        counter = self.order_counters.get(symbol)
        if counter is None:
            counter = self.order_counters[symbol] = Counter()
        return counter

    def make_token(self, now: float) -> str:
        """A WebSocket token of 43 characters; forgets those that are over."""
        self.tokens = {token: until for token, until in self.tokens.items() if until > now}
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self.tokens[token] = now + TOKEN_SECONDS
        return token

    def take_nonce(self, nonce: int) -> None:
        """Accepts a nonce that is higher than all before, less the window; raises KrakenError otherwise."""
        if nonce <= self.nonce - self.nonce_window:
            raise KrakenError(INVALID_NONCE)
        self.nonce = max(self.nonce, nonce)


class KeyRing:
    """All keys of the venue."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.by_key: dict[str, ApiKey] = {}
        self.by_account: dict[str, ApiKey] = {}

    def add(self, key: ApiKey) -> None:
        """Takes in a key."""
        self.by_key[key.key] = key
        self.by_account[key.account.name] = key

    def check_unused(self, key: str | None) -> None:
        """Raises ValueError when the key is in use already."""
        if key is not None and key in self.by_key:
            raise ValueError(f"this API key is in use by {self.by_key[key].account.name}")

    def make(self, name: str) -> tuple[str, str]:
        """A key (56 characters) and a secret (88 characters of base64), the same for the same seed and name."""
        key = base64.b64encode(self._digest(name, "key")).decode()[:56]
        return key, base64.b64encode(self._digest(name, "secret")).decode()

    def identify(self, key: str) -> ApiKey:
        """The live key of this text; raises KrakenError when there is none."""
        found = self.by_key.get(key)
        if found is None or not found.account.enabled:
            raise KrakenError(INVALID_KEY)
        return found

    def identify_token(self, token: str, now: float) -> ApiKey | None:
        """The live key that made a WebSocket token which is not over yet."""
        for key in self.by_key.values():
            if key.tokens.get(token, now) > now:
                return key if key.account.enabled else None
        return None

    def _digest(self, name: str, purpose: str) -> bytes:
        return hashlib.sha512(f"paper:{self._seed}:{name}:{purpose}".encode()).digest()


def signature(secret: bytes, path: str, nonce: str, body: bytes) -> str:
    """API-Sign: base64(HMAC-SHA512(secret, path + SHA256(nonce + body))) (Kraken REST docs, Authentication)."""
    inner = hashlib.sha256(nonce.encode() + body).digest()
    return base64.b64encode(hmac.digest(secret, path.encode() + inner, "sha512")).decode()


def check_signature(key: ApiKey, path: str, nonce: str, body: bytes, given: str) -> None:
    """Raises KrakenError unless the body was signed with the key's secret."""
    if not hmac.compare_digest(signature(key.secret_bytes, path, nonce, body).encode(), given.encode()):
        raise KrakenError(INVALID_SIGNATURE)


def check_permissions(names: Iterable[str]) -> frozenset[str]:
    """The names as a set; raises ValueError for one that Kraken does not have."""
    wanted = frozenset(names)
    unknown = sorted(wanted - set(PERMISSIONS))
    if unknown:
        raise ValueError(f"unknown permissions: {', '.join(unknown)}; known are: {', '.join(PERMISSIONS)}")
    return wanted
