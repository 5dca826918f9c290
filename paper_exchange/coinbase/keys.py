"""API keys and the tokens that they sign (Coinbase docs, CDP API Keys; JWT as the official SDK makes it)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from jwt.types import Options

from paper_exchange.coinbase.errors import UNAUTHORIZED, CoinbaseError
from paper_exchange.coinbase.identifiers import named_uuid
from paper_exchange.core.accounts import Account
from paper_exchange.core.limits import Counter

LOGICAL_HOST = "api.coinbase.com"
_ISSUERS = ("cdp", "coinbase-cloud")
_LONGEST_LIFE_S = 120
#: What the two clocks may be apart.
_LEEWAY_S = 5
_CLAIMS: Options = {
    "require": ["exp", "nbf", "sub", "iss"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
}
_SEED_BYTES = 32

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class Algorithm(StrEnum):
    """How a key signs."""

    ES256 = "ES256"
    EDDSA = "EdDSA"


@dataclass(slots=True, eq=False)
class ApiKey:
    """One key of one account; `name` is `organizations/{uuid}/apiKeys/{uuid}`, `secret` a PEM or base64.

    `configurations` keeps the order_configuration of every order as it was sent, by order id.
    """

    account: Account
    name: str
    secret: str
    public: PublicKey
    portfolio_id: str
    user_id: str
    can_view: bool = True
    can_trade: bool = True
    can_transfer: bool = False
    counter: Counter = field(default_factory=Counter)
    configurations: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def algorithm(self) -> Algorithm:
        """How it signs."""
        return Algorithm.ES256 if isinstance(self.public, ec.EllipticCurvePublicKey) else Algorithm.EDDSA


class KeyRing:
    """All keys of the venue."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.by_name: dict[str, ApiKey] = {}
        self.by_account: dict[str, ApiKey] = {}

    def add(self, key: ApiKey) -> None:
        """Takes in a key."""
        self.by_name[key.name] = key
        self.by_account[key.account.name] = key

    def check_unused(self, name: str | None) -> None:
        """Raises ValueError when the key's name is in use already."""
        if name is not None and name in self.by_name:
            raise ValueError(f"this API key is in use by {self.by_name[name].account.name}")

    def make(self, account: str, algorithm: Algorithm) -> tuple[str, str]:
        """A key's name and secret, the same for the same seed and account: an EC PEM, or base64 for EdDSA."""
        seed = str(self._seed)
        name = f"organizations/{named_uuid(seed, 'organization')}/apiKeys/{named_uuid(seed, account, 'key')}"
        digest = hashlib.sha512(f"paper:{seed}:{account}:coinbase".encode()).digest()
        if algorithm is Algorithm.EDDSA:
            private = ed25519.Ed25519PrivateKey.from_private_bytes(digest[:_SEED_BYTES])
            return name, base64.b64encode(digest[:_SEED_BYTES] + private.public_key().public_bytes_raw()).decode()
        # A number of 255 bits is below the order of the curve.
        number = int.from_bytes(digest[:_SEED_BYTES], "big") >> 1 or 1
        curve = ec.derive_private_key(number, ec.SECP256R1())
        return name, curve.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def public_key(secret: str) -> PublicKey:
    """The public half of a secret: an EC or Ed25519 PEM, or base64 of an Ed25519 seed; raises ValueError."""
    if "BEGIN" in secret:
        private = load_pem_private_key(secret.replace("\\n", "\n").encode(), None)
        if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
            return private.public_key()
        if isinstance(private, ed25519.Ed25519PrivateKey):
            return private.public_key()
        raise ValueError("the secret is neither an EC key on P-256 nor an Ed25519 key")
    try:
        seed = base64.b64decode(secret, validate=True)
    except binascii.Error as error:
        raise ValueError(f"the secret is neither a PEM nor base64: {error}") from error
    if len(seed) not in (_SEED_BYTES, 2 * _SEED_BYTES):
        raise ValueError("the secret is neither a PEM nor 32 or 64 bytes of base64")
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed[:_SEED_BYTES]).public_key()


def token_key_name(authorization: str) -> str:
    """The name of the key that a header claims, empty if there is none; nothing is verified."""
    try:
        return str(jwt.get_unverified_header(authorization.removeprefix("Bearer ")).get("kid", ""))
    except jwt.InvalidTokenError:
        return ""


def verify(ring: KeyRing, authorization: str, verb: str, hosts: tuple[str, ...], path: str, now: float) -> ApiKey:
    """The key that signed the token for this very request; raises CoinbaseError 401 otherwise.

    Args:
        authorization: the header, `Bearer <token>`.
        hosts: any of them may stand in the token's uri.
        path: without the query.
        now: unix seconds.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme != "Bearer":
        raise CoinbaseError(401, UNAUTHORIZED)
    key, claims = _read(ring, token, now)
    meant = claims.get("uris", [claims.get("uri")])
    if not any(f"{verb} {host}{path}" in meant for host in hosts):
        raise CoinbaseError(401, UNAUTHORIZED)
    return key


def verify_for_socket(ring: KeyRing, token: str, now: float) -> ApiKey:
    """The key that signed the token of a WebSocket message, which names no request; raises CoinbaseError otherwise."""
    key, claims = _read(ring, token, now)
    if "uri" in claims or "uris" in claims:
        raise CoinbaseError(401, UNAUTHORIZED)
    return key


def _read(ring: KeyRing, token: str, now: float) -> tuple[ApiKey, dict[str, Any]]:
    key = ring.by_name.get(token_key_name(token))
    if key is None or not key.account.enabled:
        raise CoinbaseError(401, UNAUTHORIZED)
    try:
        claims = jwt.decode(token, key.public, algorithms=[key.algorithm.value], issuer=_ISSUERS, options=_CLAIMS)
    except jwt.InvalidTokenError:
        raise CoinbaseError(401, UNAUTHORIZED) from None
    if claims["sub"] != key.name or not _is_timely(claims["nbf"], claims["exp"], now):
        raise CoinbaseError(401, UNAUTHORIZED)
    return key, claims


def _is_timely(begins: Any, ends: Any, now: float) -> bool:
    try:
        first, last = float(begins), float(ends)
    except (TypeError, ValueError):
        return False
    return first - _LEEWAY_S <= now < last + _LEEWAY_S and last - first <= _LONGEST_LIFE_S
