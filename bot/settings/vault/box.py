"""The vault's file: names that everybody who may read the file sees, values that only its key opens."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Self

from bot.domain.errors import SettingsError
from bot.settings.vault.private import read_private, write_private
from bot.settings.vault.wrapping import KEY_BYTES, Unlocking, canonical, decrypt, encoded, encrypt

_FORMAT, _VERSION = "nija vault", 1


class Vault:
    """One file of encrypted entries.

    Each value is bound to the vault's id and its own name, and a seal to the whole of the file: an entry that was put
    under another name, into another vault, taken out or brought back from an older file does not open.

    ::

        {"format": "nija vault", "version": 1, "id": "...",
         "key": {"by": "passphrase", "parameters": {...}, "nonce": "...", "sealed": "..."},
         "entries": {"KRAKEN_MASTER_API_KEY": {"nonce": "...", "sealed": "..."}},
         "seal": {"nonce": "...", "sealed": "..."}}
    """

    def __init__(self, path: Path, content: dict[str, Any], data_key: bytes | None = None) -> None:
        self.path = path
        self._content = content
        self._data_key = data_key

    def __repr__(self) -> str:
        return f"Vault({str(self.path)!r})"

    @classmethod
    def create(cls, path: Path, unlocking: Unlocking) -> Self:
        """Make a new file without entries.

        Raises:
            SettingsError: it is there already, or cannot be written.
        """
        vault = cls(path, {"format": _FORMAT, "version": _VERSION, "id": os.urandom(16).hex(), "entries": {}})
        vault._take_new_key(unlocking, {})
        write_private(path, vault._as_bytes(), anew=True)
        return vault

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file; nothing is decrypted yet.

        Raises:
            SettingsError: it cannot be read, others may read it, or it is no vault.
        """
        try:
            content = json.loads(read_private(path))
        except ValueError:
            content = None
        if not _is_vault(content):
            raise SettingsError(f"{path} is no vault, or was changed: restore it from a backup")
        if content["version"] != _VERSION:
            raise SettingsError(f"the vault {path} has version {content['version']}, this program knows {_VERSION}")
        return cls(path, content)

    @property
    def names(self) -> list[str]:
        """What is in it, by name; needs no key."""
        return sorted(self._content["entries"])

    @property
    def opened_by(self) -> str:
        """``passphrase`` or ``key file``."""
        return str(self._content["key"].get("by"))

    @property
    def fingerprint(self) -> str:
        """Changes with the data key."""
        return str(self._content["key"].get("sealed"))

    @property
    def data_key(self) -> bytes:
        """The key of the entries, once it is open."""
        if self._data_key is None:
            raise SettingsError(f"the vault {self.path} is not open")
        return self._data_key

    def open(self, unlocking: Unlocking) -> None:
        """Unwrap the data key and check the seal.

        Raises:
            SettingsError: the passphrase or key file is not the one, or the file was changed.
        """
        if unlocking.kind != self.opened_by:
            raise SettingsError(f"the vault {self.path} is opened by a {self.opened_by}, not by a {unlocking.kind}")
        key = self._content["key"]
        try:
            data_key = decrypt(unlocking.wrapping_key(key["parameters"]), key, self._bound_key(key))
        except (KeyError, TypeError, ValueError):
            data_key = None
        if data_key is None:
            raise SettingsError(f"the vault {self.path} does not open: not its {self.opened_by}, or it was changed")
        self.open_with(data_key)

    def open_with(self, data_key: bytes) -> None:
        """Open it with a data key that was unwrapped before.

        Raises:
            SettingsError: the file was changed.
        """
        try:
            is_whole = decrypt(data_key, self._content["seal"], self._sealed_content()) is not None
        except (KeyError, TypeError):
            is_whole = False
        if not is_whole:
            raise SettingsError(f"the vault {self.path} was changed: restore it from a backup")
        self._data_key = data_key

    def value(self, name: str) -> str:
        """One value.

        Raises:
            SettingsError: there is no such entry, or it was changed.
        """
        self._require(name)
        box = self._content["entries"][name]
        value = decrypt(self.data_key, box, self._bound(name)) if isinstance(box, dict) else None
        if value is None:
            raise SettingsError(f"{name} in the vault {self.path} was changed: set it again with vault add {name}")
        return value.decode()

    def values(self) -> dict[str, str]:
        """Everything, by name."""
        return {name: self.value(name) for name in self.names}

    def put(self, name: str, value: str) -> bool:
        """Set an entry; whether it took the place of another. Not written yet."""
        was_there = name in self._content["entries"]
        self._content["entries"][name] = encrypt(self.data_key, value.encode(), self._bound(name))
        return was_there

    def remove(self, name: str) -> None:
        """Take an entry out. Not written yet.

        Raises:
            SettingsError: there is none.
        """
        self._require(name)
        del self._content["entries"][name]

    def rotate(self, unlocking: Unlocking) -> None:
        """A new data key, everything encrypted anew, opened by this from now on. Not written yet."""
        self._take_new_key(unlocking, self.values())

    def save(self) -> None:
        """Write the file, whole or not at all.

        Raises:
            SettingsError: it cannot be written; it is as it was.
        """
        write_private(self.path, self._as_bytes())

    def _take_new_key(self, unlocking: Unlocking, values: dict[str, str]) -> None:
        self._data_key = os.urandom(KEY_BYTES)
        key: dict[str, Any] = {"by": unlocking.kind, "parameters": unlocking.new_parameters()}
        wrapping = unlocking.wrapping_key(key["parameters"])
        self._content["key"] = {**key, **encrypt(wrapping, self._data_key, self._bound_key(key))}
        for name, value in values.items():
            self.put(name, value)

    def _require(self, name: str) -> None:
        if name not in self._content["entries"]:
            raise SettingsError(f"there is no {name} in the vault {self.path}; look at: python bot.py vault list")

    def _bound(self, name: str) -> bytes:
        return canonical([self._content["id"], "entry", name])

    def _bound_key(self, key: dict[str, Any]) -> bytes:
        return canonical([self._content["id"], "key", key["by"], key["parameters"]])

    def _sealed_content(self) -> bytes:
        return canonical({name: part for name, part in self._content.items() if name != "seal"})

    def _as_bytes(self) -> bytes:
        self._content["seal"] = encrypt(self.data_key, b"", self._sealed_content())
        return json.dumps(self._content, indent=1).encode() + b"\n"


def _is_vault(content: Any) -> bool:
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        return False
    parts = [content.get(name) for name in ("key", "entries", "seal")]
    return all(isinstance(part, dict) for part in parts) and {"version", "id"} <= content.keys()


def new_key_file(path: Path) -> bytes:
    """Make a key file of 32 random bytes, in base64, with mode 0600; its content.

    Raises:
        SettingsError: it is there already, or cannot be written.
    """
    content = encoded(os.urandom(KEY_BYTES)).encode() + b"\n"
    write_private(path, content, anew=True)
    return content
