"""The tokens that private requests carry: signed with the account's key, for one method and path, for a short time."""

from __future__ import annotations

import base64
import binascii
import logging
import secrets
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.domain.errors import SettingsError
from bot.domain.ports import Clock

_log = logging.getLogger("nija.coinbase")

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

#: Tokens name this host, wherever the requests really go.
_HOST = "api.coinbase.com"
#: Seconds before now from when on a token is good: a clock that is a little ahead must not make it one of the future.
_LIFE_BEFORE_S = 30
#: The venue takes no token that is good for longer, seconds.
_LONGEST_LIFE_S = 120
#: What is left of it from now on, whole seconds rounded up.
_LONGEST_AHEAD_S = _LONGEST_LIFE_S - _LIFE_BEFORE_S - 2
#: Whole seconds are all that a Date header and a token know; clocks that are closer than this are the same, seconds.
_SAME_CLOCK_S = 2.0
_ED25519_BYTES = 32


@dataclass(frozen=True, slots=True)
class Token:
    """A token's text, and the monotonic nanoseconds from when on the venue takes nothing with it any more."""

    text: str
    ends_ns: int


def load_key(secret: str, owner: str = "") -> PrivateKey:
    """The private key in an API secret: PEM (EC P-256 or Ed25519, its line ends may be written as two signs), or an
    Ed25519 key in base64.

    Args:
        owner: names the account in the error.

    Raises:
        SettingsError: it holds no such key; the text shows nothing of it.
    """
    text = secret.replace("\\r", "").replace("\\n", "\n").strip()
    try:
        key = load_pem_private_key(text.encode(), None) if text.startswith("-----BEGIN") else _raw_key(text)
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        key = None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    # Outside of the handler: the cause would show a part of the secret.
    raise SettingsError(
        f"{owner + ': ' if owner else ''}the COINBASE API secret is no private key (EC P-256 or Ed25519); "
        "copy it again from Coinbase's key settings, whole"
    )


def _raw_key(text: str) -> ed25519.Ed25519PrivateKey:
    # 32 bytes, or 64 with the public half behind them.
    raw = base64.b64decode("".join(text.split()), validate=True)
    if len(raw) not in (_ED25519_BYTES, 2 * _ED25519_BYTES):
        raise ValueError("no Ed25519 key")
    return ed25519.Ed25519PrivateKey.from_private_bytes(raw[:_ED25519_BYTES])


class TokenMaker:
    """Makes the tokens of one key, by the venue's clock where it is known to differ.

    Args:
        key_name: ``organizations/.../apiKeys/...``, or a newer key's id.
        key: see :func:`load_key`.
        life_s: for how long from now a token is good.
        account: names the account in the log.
    """

    def __init__(self, key_name: str, key: PrivateKey, clock: Clock, life_s: float, account: str = "") -> None:
        self._key_name = key_name
        self._key = key
        self._algorithm = "EdDSA" if isinstance(key, ed25519.Ed25519PrivateKey) else "ES256"
        self._clock = clock
        self._life_s = min(life_s, _LONGEST_AHEAD_S)
        self._account = account
        self._ahead_s = 0.0

    def __repr__(self) -> str:
        return f"TokenMaker({self._account!r})"

    @property
    def latest_end_ns(self) -> int:
        """Monotonic nanoseconds when a token ends that is made at this moment."""
        # One second for the rounding, and what the clocks may still differ by.
        return self._clock.monotonic_ns() + int((self._life_s + 1 + _SAME_CLOCK_S) * 1e9)

    def make(self, method: str, path: str) -> Token:
        """A token for one request.

        Args:
            path: without the query, which is not part of what is signed.
        """
        ends_ns = self.latest_end_ns
        return Token(self._signed(self._life_s, {"uri": f"{method} {_HOST}{path}"}), ends_ns)

    def make_for_socket(self) -> str:
        """A token for a subscription at a socket: it names no request and places no order, so it may live longer."""
        return self._signed(_LONGEST_AHEAD_S, {})

    def _signed(self, life_s: float, more: dict[str, str]) -> str:
        now = self._clock.time() - self._ahead_s
        claims = {
            "sub": self._key_name,
            "iss": "cdp",
            "nbf": int(now) - _LIFE_BEFORE_S,
            "exp": int(now + life_s) + 1,
            **more,
        }
        headers = {"kid": self._key_name, "nonce": secrets.token_hex()}
        return jwt.encode(claims, self._key, algorithm=self._algorithm, headers=headers)

    def learn(self, date: str | None) -> None:
        """Compare the clocks with the ``Date`` of an answer that was just had: a short life forgives no wrong clock."""
        try:
            venue_s = parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return
        ahead_s = self._clock.time() - venue_s - 0.5
        if abs(ahead_s) <= _SAME_CLOCK_S:
            self._ahead_s = 0.0
            return
        if not self._ahead_s:
            _log.warning(
                "⚠️ %s: this machine's clock is %.0f s %s Coinbase's; have NTP set it",
                self._account,
                abs(ahead_s),
                "ahead of" if ahead_s > 0 else "behind",
            )
        self._ahead_s = ahead_s
