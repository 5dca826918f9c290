"""The page's password: made at the first start, kept as an Argon2id hash."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from bot.domain.errors import SettingsError

#: Signs that nobody takes for one another.
_SIGNS = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUPS, _SIGNS_A_GROUP = 6, 4
SHORTEST_PASSWORD, LONGEST_PASSWORD = 15, 1024

_FILE, _FIRST_PASSWORD_FILE = "web.json", "web-first-password"
_MEND = "set a new one with: python bot.py web password"

#: Above what OWASP asks for (Password Storage Cheat Sheet: 19 MiB, 2 rounds), on one core: the other one trades.
_hasher = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)

#: What tells whether the file is another one: its times, its number and its size.
_Version = tuple[int, int, int]


def new_password() -> str:
    """24 random signs in groups of four: 139 bits."""
    groups = ("".join(secrets.choice(_SIGNS) for _ in range(_SIGNS_A_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def why_not_usable(password: str) -> str:
    """What is wrong with a password that somebody chose; empty when it can be used."""
    if len(password) < SHORTEST_PASSWORD:
        return f"a password needs at least {SHORTEST_PASSWORD} signs, a few words for example"
    if len(password) > LONGEST_PASSWORD:
        return f"a password has at most {LONGEST_PASSWORD} signs"
    if len(set(password)) < SHORTEST_PASSWORD // 3:
        return "a password needs more different signs"
    return ""


class PasswordStore:
    """The hash in ``web.json`` of the data folder, mode 0600. Safe to use from any thread.

    Another process may write a new one at any time: :attr:`generation` then changes.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / _FILE
        self.first_password_file = folder / _FIRST_PASSWORD_FILE
        self._lock = threading.Lock()
        self._version: _Version | None = None
        self._hash = ""
        self._generation = 0

    def prepare(self) -> str | None:
        """Make a password where there is none yet.

        Returns:
            The new password, to be shown once; None when there was one already.

        Raises:
            SettingsError: the file cannot be read or written, or others can read it.
        """
        if self._file.exists():
            self._look()
            return None
        password = new_password()
        self.set(password)
        return password

    def set(self, password: str) -> None:
        """Keep a password in the place of what was; whoever is logged in will have to log in again.

        Raises:
            SettingsError: the file cannot be written.
        """
        content = {"password_hash": _hasher.hash(password), "changed_at": time.time()}
        try:
            _write_private(self._file, json.dumps(content) + "\n")
            self.forget_first_password()
        except OSError as error:
            raise SettingsError(f"{self._file}: cannot be written ({error}); check NIJA_DATA_DIR") from error

    def keep_first_password(self, password: str) -> None:
        """Write it into a file of its own, for who can read the data folder; gone after the first login.

        Raises:
            SettingsError: the file cannot be written.
        """
        try:
            _write_private(self.first_password_file, password + "\n")
        except OSError as error:
            raise SettingsError(f"{self.first_password_file}: cannot be written ({error}); {_MEND}") from error

    def forget_first_password(self) -> None:
        """Delete that file, if it is there."""
        with suppress(FileNotFoundError):
            self.first_password_file.unlink()

    @property
    def generation(self) -> int:
        """Another number once the password is another one.

        Raises:
            SettingsError: the file cannot be read, or others can read it.
        """
        self._look()
        return self._generation

    def is_right(self, password: str) -> bool:
        """Whether it is the password. Takes a tenth of a second, whatever the answer.

        Raises:
            SettingsError: the file cannot be read, or others can read it.
        """
        self._look()
        try:
            return _hasher.verify(self._hash, password)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError) as error:
            raise SettingsError(f"{self._file}: holds no usable hash; {_MEND}") from error

    def _look(self) -> None:
        with self._lock:
            try:
                found = self._file.stat()
                version = (found.st_mtime_ns, found.st_ino, found.st_size)
                if found.st_mode & 0o077:
                    raise SettingsError(f"{self._file}: can be read by others; run: chmod 600 {self._file}")
                if version == self._version:
                    return
                content = json.loads(self._file.read_text(encoding="utf-8"))
                self._hash = str(content["password_hash"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise SettingsError(f"{self._file}: cannot be read ({type(error).__name__}); {_MEND}") from error
            self._version = version
            self._generation += 1


def _write_private(path: Path, text: str) -> None:
    # Made with mode 0600 under another name first: nobody ever sees half of it.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
