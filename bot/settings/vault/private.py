"""Files that only their owner may read: checked on the file that is opened, not on its name."""

from __future__ import annotations

import io
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from dotenv import dotenv_values

from bot.domain.errors import SettingsError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_private(path: Path, *, allow_group: bool = False) -> bytes:
    """The bytes of a file that nobody else may read.

    Args:
        allow_group: systemd shows the access list of a credential as rights of the group.

    Raises:
        SettingsError: it cannot be read, or others may read it; the text has the line that mends it.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & (stat.S_IRWXO if allow_group else _OTHERS):
                raise SettingsError(f"{path} holds secrets, and others may read it: chmod 600 {path}")
            return file.read()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror})") from None


def write_private(path: Path, content: bytes, *, anew: bool = False) -> None:
    """Write a file with mode 0600, whole or not at all, and synced.

    Args:
        anew: refuse when it is there already.

    Raises:
        SettingsError: it cannot be written.
    """
    # Where the path is a link, what it leads to is written.
    target = Path(os.path.realpath(path))
    draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            _write_synced(draft, content)
            if anew:
                os.link(draft, target)
            else:
                draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        # It stands: whoever is told that it does not goes on with what opened the old one.
        with suppress(OSError):
            _sync_folder(target.parent)
    except FileExistsError:
        raise SettingsError(f"{path} is there already") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be written ({error.strerror})") from None


def read_dotenv(path: Path | None) -> dict[str, str]:
    """What ``.env`` sets; nothing where there is none.

    Raises:
        SettingsError: it cannot be read, or others may read it.
    """
    if path is None or not path.is_file():
        return {}
    try:
        text = read_private(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: cannot be read ({error})") from None
    # A dollar sign in a secret is a dollar sign.
    found = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in found.items() if value is not None}


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
