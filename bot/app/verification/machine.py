"""The machine: the interpreter, the packages, the disk, the data folder, and who else works on it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from filelock import FileLock, Timeout

from bot.app.folder import make_data_folder
from bot.app.verification.verdicts import Check, failed, note, ok, warning
from bot.domain.errors import SettingsError

#: Beside the package ``bot``; one exact version a package.
PINNED = Path(__file__).resolve().parents[3] / "requirements.txt"

#: What speaks to the venues: another version than the pinned one is another behaviour.
_SDKS = ("krakenex", "pykrakenapi", "coinbase-advanced-py", "alpaca-py", "pycurl")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)([^\\]*)", re.MULTILINE)
_OLDEST_PYTHON = (3, 11)
_INSTALL = "./start.sh install"

#: Bytes that must be, and that should be, free where the ledger grows.
_LEAST_FREE, _ENOUGH_FREE = 100 * 2**20, 2**30
_OTHERS = 0o077
#: Nonces are reserved some minutes ahead of the clock, seconds; further ahead they are of another clock.
_NONCES_AHEAD_S = 900.0


def check_machine(folder: Path, pinned: Path = PINNED) -> list[Check]:
    """Interpreter, packages, room on the disk.

    Args:
        folder: of the data.
        pinned: the versions that belong together.
    """
    return [_check_python(), *_check_packages(pinned), _check_disk(folder)]


def _check_python() -> Check:
    version = sys.version.split()[0]
    if sys.version_info < _OLDEST_PYTHON:
        return failed("python", f"Python {version} is too old", "install Python 3.11 or newer, then ./start.sh install")
    return ok("python", f"Python {version}")


def _check_packages(pinned: Path) -> list[Check]:
    try:
        text = pinned.read_text(encoding="utf-8")
    except OSError:
        return [note("packages", f"{pinned.name} is not here, so versions cannot be compared")]
    # What is only for some machines may well be missing on this one.
    pins = {name.lower(): version for name, version, marker in _PIN.findall(text) if ";" not in marker}
    there = {name: _installed(name) for name in pins}
    missing = sorted(name for name, version in there.items() if version is None)
    other = {name: version for name, version in there.items() if version is not None and version != pins[name]}
    checks = []
    if missing:
        checks.append(failed("packages", f"not installed: {', '.join(missing)}", _INSTALL))
    if other:
        told = ", ".join(f"{name} {version} (pinned: {pins[name]})" for name, version in sorted(other.items()))
        checks.append(warning("packages", f"other versions than the tested ones: {told}", _INSTALL))
    if not checks:
        sdks = ", ".join(f"{name} {there[name]}" for name in _SDKS if there.get(name))
        checks.append(ok("packages", f"{len(pins)} packages as pinned; {sdks}"))
    return checks


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _check_disk(folder: Path) -> Check:
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    text = f"{free / 2**30:.1f} GiB free for {folder}"
    mend = f"make room on the disk of {place}, or set NIJA_DATA_DIR to a folder on another one"
    if free < _LEAST_FREE:
        return failed("disk", text, mend)
    return ok("disk", text) if free >= _ENOUGH_FREE else warning("disk", text, mend)


def check_folder(folder: Path) -> Check:
    """Whether the data folder can be written, and by nobody else; it is made unless it is there."""
    mend = f"mkdir -p {folder} && chown -R $(id -un) {folder} && chmod 700 {folder}; or set NIJA_DATA_DIR"
    try:
        make_data_folder(folder)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"written")
            file.flush()
            os.fsync(file.fileno())
        mode = folder.stat().st_mode & 0o777
    except SettingsError as error:
        return failed("data folder", str(error), mend)
    except OSError as error:
        return failed("data folder", f"{folder} cannot be written ({error.strerror})", mend)
    if mode & _OTHERS:
        return warning("data folder", f"{folder} is open to others (mode {mode:o})", f"chmod 700 {folder}")
    return ok("data folder", f"{folder} can be written")


def check_nonces(folder: Path) -> list[Check]:
    """The files that count the requests of Kraken's keys; those of accounts that are asked are tried besides."""
    files = sorted((folder / "nonces").glob("kraken_nonce_*.json"))
    if not files:
        return []
    ahead_s = {file.name: _ahead_s(file) for file in files}
    damaged = [name for name, seconds in ahead_s.items() if seconds is None]
    ahead = [name for name, seconds in ahead_s.items() if seconds is not None and seconds > _NONCES_AHEAD_S]
    checks = []
    if damaged:
        mend = "restore them from a backup, or delete those of accounts that are gone"
        checks.append(warning("nonces", f"cannot be read: {', '.join(damaged)}", mend))
    if ahead:
        text = f"the clock is behind what it was when these were written: {', '.join(ahead)}"
        checks.append(warning("nonces", text, "sudo timedatectl set-ntp true; the keys go on above those nonces"))
    return checks or [ok("nonces", f"{len(files)} nonce files")]


def _ahead_s(file: Path) -> float | None:
    try:
        return float(json.loads(file.read_text(encoding="utf-8"))["ceiling"]) / 1e9 - time.time()
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def folder_held(folder: Path) -> Iterator[bool]:
    """Keep bots away from the folder for as long as the context lasts: two users of a nonce disturb each other.

    Yields:
        Whether another bot, or another check, works on it already; the folder is then left to that one.
    """
    lock = FileLock(folder / "bot.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield True
        return
    except OSError:
        # Told by the check of the folder.
        yield False
        return
    try:
        yield False
    finally:
        lock.release()
