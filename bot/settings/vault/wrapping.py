"""What opens a vault: a passphrase or a key file wraps the data key, which encrypts the entries."""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Protocol

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.domain.errors import SettingsError

KEY_BYTES = 32
_NONCE_BYTES = 12
_SALT_BYTES = 16
#: The second recommended choice of RFC 9106, section 4: 3 passes over 64 MiB with 4 lanes.
_PASSES, _MEMORY_KIB, _LANES = 3, 65_536, 4
#: A file that asks for more was not written by this program, and would eat the machine.
_MOST_PASSES, _MOST_MEMORY_KIB, _MOST_LANES = 64, 1_048_576, 64
_LEAST_KEY_FILE_BYTES = 32


class Unlocking(Protocol):
    """Makes the key that wraps the data key."""

    @property
    def kind(self) -> str:
        """``passphrase`` or ``key file``."""

    def new_parameters(self) -> dict[str, Any]:
        """What has to be stored to make the same key again; no secret."""

    def wrapping_key(self, parameters: Mapping[str, Any]) -> bytes:
        """32 bytes.

        Raises:
            SettingsError: the parameters are not this program's.
        """


class Passphrase:
    """Argon2id over what a person knows."""

    kind = "passphrase"

    def __init__(self, passphrase: str) -> None:
        self._passphrase = passphrase.encode()

    def new_parameters(self) -> dict[str, Any]:
        """Costs and a fresh salt."""
        return {"passes": _PASSES, "memory_kib": _MEMORY_KIB, "lanes": _LANES, "salt": encoded(os.urandom(_SALT_BYTES))}

    def wrapping_key(self, parameters: Mapping[str, Any]) -> bytes:
        """A tenth of a second or two."""
        passes, memory, lanes = (int(parameters[name]) for name in ("passes", "memory_kib", "lanes"))
        if not (0 < passes <= _MOST_PASSES and 0 < lanes <= _MOST_LANES and 8 * lanes <= memory <= _MOST_MEMORY_KIB):
            raise SettingsError("the vault asks for costs that this program never writes: it was changed")
        salt = decoded(parameters["salt"])
        return hash_secret_raw(self._passphrase, salt, passes, memory, lanes, KEY_BYTES, Type.ID)


class KeyFile:
    """HKDF over bytes that nobody can guess.

    Raises:
        SettingsError: there are too few of them.
    """

    kind = "key file"

    def __init__(self, content: bytes) -> None:
        if len(content) < _LEAST_KEY_FILE_BYTES:
            raise SettingsError(f"the vault's key file must have at least {_LEAST_KEY_FILE_BYTES} bytes")
        self._content = content

    def new_parameters(self) -> dict[str, Any]:
        """A fresh salt."""
        return {"salt": encoded(os.urandom(_SALT_BYTES))}

    def wrapping_key(self, parameters: Mapping[str, Any]) -> bytes:
        """At once."""
        salt = decoded(parameters["salt"])
        return HKDF(SHA256(), KEY_BYTES, salt, b"nija vault key file").derive(self._content)


def encrypt(key: bytes, value: bytes, bound_to: bytes) -> dict[str, str]:
    """AES-256-GCM with a random nonce; only together with ``bound_to`` does it open again."""
    nonce = os.urandom(_NONCE_BYTES)
    return {"nonce": encoded(nonce), "sealed": encoded(AESGCM(key).encrypt(nonce, value, bound_to))}


def decrypt(key: bytes, box: Mapping[str, Any], bound_to: bytes) -> bytes | None:
    """What was encrypted; None when the key is another one or anything was changed."""
    try:
        return AESGCM(key).decrypt(decoded(box["nonce"]), decoded(box["sealed"]), bound_to)
    except (InvalidTag, ValueError, KeyError, TypeError):
        return None


def canonical(values: Any) -> bytes:
    """The one way to write this as JSON."""
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()


def encoded(value: bytes) -> str:
    """In base64."""
    return b64encode(value).decode()


def decoded(text: str) -> bytes:
    """Out of base64; ValueError where it is none."""
    return b64decode(text, validate=True)
