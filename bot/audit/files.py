"""The files of the log: ``audit-000001.jsonl`` and so on, and ``head.json``, which says how far they go."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1 << 16
_HEAD = "head.json"

#: Where it is in the data folder.
FOLDER_NAME = "audit"


@dataclass(frozen=True, slots=True)
class Head:
    """The last line that was written, as it was noted beside the log: a shorter log has lost its end."""

    number: int
    hash: str


def file_of(folder: Path, number: int) -> Path:
    """The file of this number, from 1."""
    return folder / f"audit-{number:06}.jsonl"


def file_number(path: Path) -> int:
    """The number of a file."""
    return int(path.stem.removeprefix("audit-"))


def files_of(folder: Path) -> list[Path]:
    """All files, oldest first."""
    return sorted(folder.glob("audit-[0-9][0-9][0-9][0-9][0-9][0-9].jsonl"))


def read_head(folder: Path) -> Head | None:
    """How far the log went when it was written last; None when that is not known."""
    try:
        values = json.loads((folder / _HEAD).read_bytes())
        return Head(int(values["number"]), str(values["hash"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_head(folder: Path, head: Head) -> None:
    """Note how far the log goes. Not synced: one that is behind accuses nobody.

    Raises:
        OSError: it cannot be written.
    """
    new = folder / f"{_HEAD}.new"
    write_private(new, json.dumps({"number": head.number, "hash": head.hash}).encode())
    new.replace(folder / _HEAD)


def write_private(path: Path, content: bytes, *, synced: bool = False) -> None:
    """Write a file that only this user may read.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        write_all(descriptor, content)
        if synced:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write everything, however often the system takes a part only.

    Raises:
        OSError: it cannot be written; a part may be.
    """
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Make names of new files last through a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lines_backwards(path: Path) -> Iterator[bytes]:
    """The whole lines of a file, last one first; what stands behind the last line end is left out."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        rest, is_tail = b"", True
        while position > 0:
            size = min(_BLOCK, position)
            position -= size
            file.seek(position)
            pieces = (file.read(size) + rest).split(b"\n")
            rest = pieces[0]
            found = pieces[1:]
            if is_tail and len(pieces) > 1:
                found, is_tail = found[:-1], False
            yield from reversed(found)
        if rest and not is_tail:
            yield rest
