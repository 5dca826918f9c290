"""Changes of users files by program: one entry is changed, everything else stays as it was written."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout

from bot.domain.enums import BrokerType
from bot.domain.errors import SettingsError
from bot.settings.users.entry import Problem, UserSettings
from bot.settings.users.files import check_entry, parse_entries, users_files, with_defaults

#: Beside the files: who changes one holds it, so that two changes at once lose nothing.
_LOCK_NAME = ".users.lock"
_LOCK_WITHIN_S = 10.0
_NEW_FILE_MODE = 0o644

#: Fields to write; None takes a field out.
Changes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Edited:
    """What was done.

    Attributes:
        path: the file that was written.
        before: None for a new user.
        after: None for one that was removed.
        problems: what else is wrong in that file, so that a running bot applies nothing of it.
    """

    path: Path
    before: UserSettings | None
    after: UserSettings | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    path: Path
    entries: list[Any]
    index: int

    @property
    def entry(self) -> dict[str, Any]:
        entry: dict[str, Any] = self.entries[self.index]
        return entry


def add_user(folder: Path, user_id: str, venue: BrokerType, account_type: str, fields: Changes) -> Edited:
    """Write a new user at the end of ``{account_type}_{venue}.json``.

    Raises:
        SettingsError: the entry would be wrong, the user is there already, or the file cannot be read or written.
    """
    path = folder / f"{account_type}_{venue}.json"
    entry = {"user_id": user_id, **{name: value for name, value in fields.items() if value is not None}}
    with _alone(folder):
        there, _ = _places(folder, user_id, venue)
        if there:
            raise SettingsError(f"{user_id}:{venue} is in {there[0].path} already; change it with: users edit")
        entries = _entries_of(path) if path.exists() else []
        after = _checked(path, len(entries) + 1, entry)
        _write(path, [*entries, entry])
    return Edited(path, None, after, _other_problems(path, entries, len(entries)))


def change_user(folder: Path, user_id: str, venue: BrokerType | None, changes: Changes) -> Edited:
    """Change fields of one entry; the others, and all other entries, stay as they are.

    Args:
        venue: may be None where the user is at one venue only.

    Raises:
        SettingsError: there is no such user, the entry would be wrong, or the file cannot be read or written.
    """
    with _alone(folder):
        place = _place_of(folder, user_id, venue)
        before = check_entry(place.path, place.index + 1, place.entry)
        entry = {name: value for name, value in place.entry.items() if changes.get(name, value) is not None}
        entry |= {name: value for name, value in changes.items() if value is not None}
        after = _checked(place.path, place.index + 1, entry)
        entries = [*place.entries]
        entries[place.index] = entry
        if entries != place.entries:
            _write(place.path, entries)
    known = before if isinstance(before, UserSettings) else None
    return Edited(place.path, known, after, _other_problems(place.path, entries, place.index))


def remove_user(folder: Path, user_id: str, venue: BrokerType | None) -> Edited:
    """Take one entry out; the file stays, if need be with an empty list.

    Raises:
        SettingsError: there is no such user, or the file cannot be read or written.
    """
    with _alone(folder):
        place = _place_of(folder, user_id, venue)
        before = check_entry(place.path, place.index + 1, place.entry)
        entries = [*place.entries]
        del entries[place.index]
        _write(place.path, entries)
    return Edited(
        place.path, before if isinstance(before, UserSettings) else None, None, _other_problems(place.path, entries, -1)
    )


def find_user(folder: Path, user_id: str, venue: BrokerType | None) -> tuple[Path, BrokerType]:
    """The file and the venue of one user.

    Raises:
        SettingsError: there is none, or it is at several venues.
    """
    place = _place_of(folder, user_id, venue)
    return place.path, _venue_of(place.path, place.entry) or BrokerType.KRAKEN


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / _LOCK_NAME, timeout=_LOCK_WITHIN_S):
            yield
    except Timeout:
        raise SettingsError(f"{folder}: somebody else changes the users files; try again") from None
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be written ({error}); nothing was changed") from error


def _entries_of(path: Path) -> list[Any]:
    try:
        entries = parse_entries(path, path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error})") from error
    if isinstance(entries, Problem):
        raise SettingsError(f"{entries}; mend the file first, nothing was changed")
    for position, entry in enumerate(entries, start=1):
        if getattr(entry, "repeated", ()):
            fields = ", ".join(entry.repeated)
            raise SettingsError(f"{path}: entry {position}: {fields} stands more than once; mend the file first")
    return entries


def _places(folder: Path, user_id: str, venue: BrokerType | None) -> tuple[list[_Place], list[SettingsError]]:
    found: list[_Place] = []
    broken: list[SettingsError] = []
    for path in users_files(folder):
        try:
            entries = _entries_of(path)
        except SettingsError as error:
            # It keeps nobody from disabling a user of another file.
            broken.append(error)
            continue
        for index, entry in enumerate(entries):
            is_user = isinstance(entry, dict) and entry.get("user_id") == user_id
            if is_user and venue in (None, _venue_of(path, entry)):
                found.append(_Place(path, entries, index))
    return found, broken


def _place_of(folder: Path, user_id: str, venue: BrokerType | None) -> _Place:
    places, broken = _places(folder, user_id, venue)
    if not places and broken:
        raise broken[0]
    if not places:
        where = f" at {venue}" if venue else ""
        raise SettingsError(f"there is no user {user_id}{where} in {folder}; look with: python bot.py users")
    if len(places) > 1:
        if venue is not None:
            files = ", ".join(str(place.path) for place in places)
            raise SettingsError(f"{user_id}:{venue} stands more than once: {files}; take all but one out by hand")
        venues = ", ".join(str(_venue_of(place.path, place.entry)) for place in places)
        raise SettingsError(f"{user_id} is at several venues ({venues}): say which with --venue")
    return places[0]


def _venue_of(path: Path, entry: dict[str, Any]) -> BrokerType | None:
    full = with_defaults(path, entry)
    name = full.get("venue", full.get("broker_type"))
    return BrokerType(name) if name in set(BrokerType) else None


def _checked(path: Path, position: int, entry: dict[str, Any]) -> UserSettings:
    found = check_entry(path, position, entry)
    if not isinstance(found, UserSettings):
        raise SettingsError("; ".join(str(problem) for problem in found))
    if found.user_id == "master":
        raise SettingsError("'master' is reserved: the masters' keys are in the environment or .env")
    return found


def _other_problems(path: Path, entries: Sequence[Any], but: int) -> tuple[Problem, ...]:
    problems: list[Problem] = []
    for index, entry in enumerate(entries):
        found = [] if index == but else check_entry(path, index + 1, entry)
        problems += found if isinstance(found, list) else []
    return tuple(problems)


def _write(path: Path, entries: list[Any]) -> None:
    """Replace the file in one step: whoever reads it meanwhile has the old one or the new one, whole."""
    text = _as_text(entries)
    target = path.resolve()
    mode = target.stat().st_mode & 0o7777 if target.exists() else _NEW_FILE_MODE
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _as_text(entries: list[Any]) -> str:
    # The encoder knows no exact numbers: a sign of its own stands for each, until the text is whole.
    sign, numbers = f"number-{uuid4().hex}-", list[str]()

    def number(value: Any) -> str:
        if not isinstance(value, Decimal):
            raise TypeError(f"{value!r} cannot stand in a users file")
        numbers.append(str(value))
        return f"{sign}{len(numbers) - 1}"

    parts = json.dumps(entries, indent=2, ensure_ascii=False, default=number).split(f'"{sign}')
    text = parts[0]
    for part in parts[1:]:
        index, _, rest = part.partition('"')
        text += numbers[int(index)] + rest
    return text + "\n"
