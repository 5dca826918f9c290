"""Nonces of one Kraken key: always higher than the one before, over restarts, crashes and a clock that steps back.

Kraken refuses a nonce that is not above the highest one it has seen of the key, and bars the key after many of those
(Kraken REST docs, "Authentication"). A file a key holds a ceiling that no nonce handed out so far is above. It is
raised in steps of minutes, so that handing out a nonce writes nothing; after a crash the next one starts above it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import tempfile
import threading
from pathlib import Path

from filelock import FileLock, Timeout

from bot.domain.errors import AccountInUse, SettingsError
from bot.domain.ports import Clock
from bot.runtime.clock import SystemClock

_log = logging.getLogger("nija.kraken")

#: Nanoseconds that the ceiling is raised ahead of the clock.
_RESERVE_NS = 300 * 10**9
_LARGEST = 2**64 - 1


class NonceStore:
    """Hands out the nonces of one account, in one process.

    Args:
        account: ``daivon_frazier:kraken``; names the file.
        folder: where the file and its lock are; made when missing.
        clock: where time comes from.

    Raises:
        AccountInUse: another store, here or in another process, has this account.
        SettingsError: the file or its folder cannot be used.
    """

    def __init__(self, account: str, folder: Path, clock: Clock | None = None) -> None:
        self.account = account
        self.path = Path(folder) / f"kraken_nonce_{_safe_name(account)}.json"
        self._clock = clock or SystemClock()
        self._guard = threading.RLock()
        self._closed = False
        self._make_folder()
        # Without thread_local=False only the thread that took the lock could let go of it.
        self._lock = FileLock(self.path.with_suffix(".lock"), timeout=0, thread_local=False)
        self._take_lock()
        try:
            self._last = self._ceiling = self._read()
            self.reserve_ahead()
        except BaseException:
            self._lock.release()
            raise

    def __repr__(self) -> str:
        return f"NonceStore({self.account!r})"

    @property
    def last(self) -> int:
        """The highest nonce handed out; at the start, one that no nonce so far is above."""
        with self._guard:
            return self._last

    def next_nonce(self) -> int:
        """A nonce above every one before it; nanoseconds since 1970 where the clock allows.

        Raises:
            SettingsError: the store is closed, or a higher ceiling could not be written.
        """
        with self._guard:
            if self._closed:
                raise SettingsError(f"{self.account}: the nonce store is closed; start the account again")
            nonce = max(self._clock.time_ns(), self._last + 1)
            if nonce > self._ceiling:
                self._raise_ceiling(nonce)
            self._last = nonce
            return nonce

    def raise_above(self, value: int) -> None:
        """Go on above a nonce that the venue has seen of this key from somewhere else.

        Raises:
            SettingsError: it is not below the largest that 64 bits hold, so the key cannot go on.
        """
        with self._guard:
            if not 0 <= value < _LARGEST:
                raise SettingsError(f"{self.account}: no nonce is possible above {value}; make a new API key")
            if value > self._last:
                if value >= self._ceiling:
                    self._raise_ceiling(value)
                self._last = value

    def reserve_ahead(self) -> None:
        """Raise the ceiling in time, so that no order has to wait for the disk; writes once in some minutes.

        Raises:
            SettingsError: it could not be written.
        """
        with self._guard:
            floor = max(self._clock.time_ns(), self._last)
            if not self._closed and self._ceiling < floor + _RESERVE_NS // 2:
                self._raise_ceiling(floor)

    def close(self) -> None:
        """Write the exact last nonce and let go of the lock; more calls do nothing."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            try:
                self._write(self._last)
            except SettingsError as error:
                # The ceiling on the disk is above every nonce handed out, so nothing is lost.
                _log.warning("%s", error)
            finally:
                self._lock.release()

    def _raise_ceiling(self, above: int) -> None:
        ceiling = min(above + _RESERVE_NS, _LARGEST)
        if above > _LARGEST:
            raise SettingsError(f"{self.account}: the nonces of this API key are used up; make a new API key")
        self._write(ceiling)
        self._ceiling = ceiling

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"{self.account}: the folder {self.path.parent} cannot be made ({error.strerror}); "
                "make it, or name another one in NIJA_DATA_DIR"
            ) from error

    def _take_lock(self) -> None:
        try:
            self._lock.acquire()
        except Timeout as error:
            raise AccountInUse(
                f"{self.account} is in use already: something else holds {self._lock.lock_file}; "
                "stop the other bot that uses this key, or give this one a key of its own"
            ) from error
        except OSError as error:
            raise SettingsError(
                f"{self.account}: the lock {self._lock.lock_file} cannot be taken ({error.strerror}); "
                "make its folder writable for the bot"
            ) from error

    def _read(self) -> int:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return 0
        except (OSError, UnicodeDecodeError) as error:
            raise self._unusable(type(error).__name__) from error
        try:
            state = json.loads(text)
            account, ceiling = state["account"], state["ceiling"]
        except (ValueError, KeyError, TypeError) as error:
            raise self._unusable("it is damaged") from error
        if account != self.account:
            raise self._unusable(f"it belongs to {account!r}")
        if isinstance(ceiling, bool) or not isinstance(ceiling, int) or not 0 <= ceiling <= _LARGEST:
            raise self._unusable(f"its ceiling is {ceiling!r}")
        return ceiling

    def _unusable(self, why: str) -> SettingsError:
        return SettingsError(
            f"{self.account}: the nonce file {self.path} cannot be used: {why}. Put back a copy of it; without one, "
            f"check that this machine's clock is right, delete the file and wait {_RESERVE_NS // 10**9} s before "
            "the next start"
        )

    def _write(self, ceiling: int) -> None:
        try:
            self._replace_file(json.dumps({"account": self.account, "ceiling": ceiling}) + "\n")
        except OSError as error:
            raise SettingsError(
                f"{self.account}: the nonce file {self.path} cannot be written ({error.strerror}); "
                "free space on the disk and make its folder writable for the bot"
            ) from error

    def _replace_file(self, text: str) -> None:
        descriptor, name = tempfile.mkstemp(prefix=self.path.name, suffix=".tmp", dir=self.path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(self.path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _safe_name(account: str) -> str:
    name, _, venue = account.rpartition(":")
    plain = f"{name}_{venue}" if name else venue
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", plain) and not plain.startswith("."):
        return plain
    # Names that differ only in what a file name cannot hold must not meet in one file.
    digest = hashlib.sha256(account.encode()).hexdigest()[:12]
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', plain)[:60]}_{digest}"
