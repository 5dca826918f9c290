"""Users files, read and checked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.domain.enums import BrokerType
from bot.settings.users.entry import Problem, UserSettings

#: How the names of files end that describe users files and hold no users.
_SCHEMA_ENDING = ".schema.json"


class JsonObject(dict[str, Any]):
    """A JSON object that knows which of its fields were written more than once."""

    repeated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UsersFile:
    """What one file says.

    Attributes:
        users: its right entries.
        problems: what is wrong with the others, or with the file.
        is_empty: it is right, and has no entry at all.
    """

    users: tuple[UserSettings, ...] = ()
    problems: tuple[Problem, ...] = ()
    is_empty: bool = False


def users_files(folder: Path) -> list[Path]:
    """The users files of a folder, by name."""
    return sorted(path for path in folder.glob("*.json") if not path.name.endswith(_SCHEMA_ENDING))


def no_folder(folder: Path) -> Problem:
    """The folder of the users files is not there."""
    return Problem(str(folder), "is no folder; nobody copies until NIJA_USERS_DIR names the users' folder")


def load_users(folder: Path) -> tuple[list[UserSettings], list[Problem]]:
    """All entries of all users files in a folder, enabled or not, and what is wrong with the rest."""
    if not folder.is_dir():
        return [], [no_folder(folder)]
    users: list[UserSettings] = []
    problems: list[Problem] = []
    for path in users_files(folder):
        found = read_users_file(path)
        users += found.users
        problems += found.problems
    faults = [*repeated_users(users), *reserved_names(users)]
    wrong = {id(user) for user, _ in faults}
    return [user for user in users if id(user) not in wrong], problems + [problem for _, problem in faults]


def read_users_file(path: Path) -> UsersFile:
    """Read and check one file, but for who stands in it twice."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return UsersFile(problems=(Problem(str(path), f"cannot be read ({error})"),))
    return check_users_file(path, content)


def check_users_file(path: Path, content: bytes) -> UsersFile:
    """Check one file's content, but for who stands in it twice."""
    entries = parse_entries(path, content)
    if isinstance(entries, Problem):
        return UsersFile(problems=(entries,))
    users: list[UserSettings] = []
    problems: list[Problem] = []
    for position, entry in enumerate(entries, start=1):
        found = check_entry(path, position, entry)
        if isinstance(found, UserSettings):
            users.append(found)
        else:
            problems += found
    return UsersFile(tuple(users), tuple(problems), is_empty=not entries)


def parse_entries(path: Path, content: bytes, parse_float: Callable[[str], Any] = Decimal) -> list[Any] | Problem:
    """The list that a users file holds; objects are :class:`JsonObject`, numbers with a point what is asked for."""
    try:
        entries = json.loads(content.decode("utf-8"), parse_float=parse_float, object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        return Problem(str(path), f"cannot be read ({error})")
    except json.JSONDecodeError as error:
        if not content.strip():
            # Somebody may be about to write it, or the disk may be full.
            return Problem(str(path), "has no content; where nobody is meant, write []")
        return Problem(str(path), f"is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except (ValueError, ArithmeticError, RecursionError):
        return Problem(str(path), "is not valid JSON: a number is too long, or lists are nested too deeply")
    if not isinstance(entries, list):
        return Problem(str(path), "must hold a list of users: [ {...}, {...} ]")
    return entries


def check_entry(path: Path, position: int, entry: Any) -> UserSettings | list[Problem]:
    """One entry of a file, checked; what it leaves out comes from the file's name. ``position`` counts from 1."""
    if isinstance(entry, JsonObject) and entry.repeated:
        where = _where(path, position, entry)
        return [Problem(f"{where}: {field}", "stands more than once in one entry") for field in entry.repeated]
    try:
        return UserSettings.model_validate(with_defaults(path, entry)).read_from(path)
    except ValidationError as error:
        return _explain(_where(path, position, entry), error)


def with_defaults(path: Path, entry: Any) -> Any:
    """An entry with the venue and account type that its file's name tells, where it has none of its own."""
    if not isinstance(entry, dict):
        return entry
    kind, _, venue = path.stem.partition("_")
    defaults: dict[str, Any] = {}
    if venue in set(BrokerType) and not {"venue", "broker_type"} & entry.keys():
        defaults["venue"] = venue
    if kind in ("retail", "investor"):
        defaults["account_type"] = kind
    return defaults | entry


def repeated_users(users: Sequence[UserSettings]) -> list[tuple[UserSettings, Problem]]:
    """Those whose account stands more than once among them, each with the line about it."""
    counts = Counter(user.account for user in users)
    text = "stands more than once in the users files; none is used"
    return [
        (user, Problem(f"{user.place}: user_id", f"{user.account} {text}"))
        for user in users
        if counts[user.account] > 1
    ]


def reserved_names(users: Iterable[UserSettings]) -> list[tuple[UserSettings, Problem]]:
    """Those that have the masters' name, each with the line about it."""
    return [
        (user, Problem(f"{user.place}: user_id", "'master' is reserved")) for user in users if user.user_id == "master"
    ]


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    made = JsonObject(pairs)
    if len(made) < len(pairs):
        made.repeated = tuple(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
    return made


def _where(path: Path, position: int, entry: Any) -> str:
    user = entry.get("user_id") if isinstance(entry, dict) else None
    return f"{path}: user {user}" if isinstance(user, str) and user else f"{path}: entry {position}"


def _explain(where: str, error: ValidationError) -> list[Problem]:
    problems = []
    for fault in error.errors(include_url=False):
        field = ".".join(str(part) for part in fault["loc"]) or "entry"
        text = "unknown field" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
        problems.append(Problem(f"{where}: {field}", text))
    return problems
