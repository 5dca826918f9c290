"""The folder of users files while the bot runs: what of it is to be applied now."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bot.settings.users.entry import Problem, UserSettings
from bot.settings.users.files import (
    UsersFile,
    check_users_file,
    no_folder,
    repeated_users,
    reserved_names,
    users_files,
)

#: Seconds after a change in which another one may leave no trace in a file's times.
_UNSURE_S = 2.0

_Entries = tuple[UserSettings, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """A file as it was read last: its marks in the file system, a hash of what it holds, and what that says."""

    marks: tuple[int, ...]
    digest: str
    file: UsersFile


class UsersFolder:
    """Looks at users files again and again; a fault, or a file that is just being written, changes nothing of it.

    Not safe to use from several threads.

    Args:
        folder: of the users files.
        applied: the entries that the bot runs with.
        told: problems that were told before the first look.
        now: unix seconds.
    """

    def __init__(
        self,
        folder: Path,
        applied: Iterable[UserSettings],
        told: Iterable[Problem] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._now = now
        self._good: dict[Path, _Entries] = _by_file(applied)
        self._read: dict[Path, Content] = {}
        # Files without users, with what tells whether anything happened to them until the next look.
        self._empty: dict[Path, tuple[int, ...]] = {}
        # A problem is told once for each content that has it.
        self._told_at_start = {str(problem) for problem in told}
        self._told: set[tuple[str, str]] = set()
        self._is_first = True
        #: What is wrong as of the last look, told or not.
        self.faults: tuple[str, ...] = ()
        self._device = folder.stat().st_dev if folder.is_dir() else None

    @property
    def entries(self) -> list[UserSettings]:
        """What is to be applied, after the last look."""
        return [user for path in sorted(self._good) for user in self._good[path]]

    def look(self) -> list[Problem]:
        """Look at every file now.

        Returns:
            What is wrong and was not told before; the files that it is about change nothing.
        """
        if self._is_away():
            # A disk that is not mounted has no files either: nobody is removed by that.
            gone = Problem(str(self._folder), "is no folder any more; all users stay as they are until it is there")
            return self._untold([(gone if self._good else no_folder(self._folder), "")])
        faults: list[tuple[Problem, str]] = []
        found: dict[Path, _Entries] = {}
        for path in sorted({*users_files(self._folder), *self._good}):
            found[path] = self._candidate(path, faults)
        self._take_back_repeated(found, faults)
        self._good = {path: users for path, users in found.items() if users}
        untold = self._untold(faults)
        self._is_first = False
        return untold

    def _is_away(self) -> bool:
        try:
            device = self._folder.stat().st_dev
        except OSError:
            return True
        if not self._folder.is_dir():
            return True
        # Where a disk was mounted there is an empty folder left, of the disk below.
        if self._good and self._device not in (None, device) and not users_files(self._folder):
            return True
        self._device = device
        return False

    def _candidate(self, path: Path, faults: list[tuple[Problem, str]]) -> _Entries:
        good = self._good.get(path, ())
        content = self._content_of(path)
        if (content is None or content.file.is_empty) and good:
            marks = self._folder_marks() if content is None else content.marks
            held, self._empty[path] = self._empty.get(path) == marks, marks
            # Once is no deletion: editors take a file away for a moment, too.
            return () if held else good
        self._empty.pop(path, None)
        if content is None:
            return ()
        file = content.file
        problems = [
            *file.problems,
            *(problem for _, problem in (*repeated_users(file.users), *reserved_names(file.users))),
        ]
        faults += [(problem, content.digest) for problem in problems]
        # Where nothing differs, what runs now is kept as it is.
        return good if problems or _same(good, file.users) else file.users

    def _take_back_repeated(self, found: dict[Path, _Entries], faults: list[tuple[Problem, str]]) -> None:
        # Of two files that name one account, the one that was changed is at fault.
        while repeated := repeated_users([user for users in found.values() for user in users]):
            changed = {user.file for user, _ in repeated if found[user.file] is not self._good.get(user.file, ())}
            faults += [(problem, self._digest_of(user.file)) for user, problem in repeated if user.file in changed]
            if not changed:
                return
            for path in changed:
                found[path] = self._good.get(path, ())

    def _content_of(self, path: Path) -> Content | None:
        known = self._read.get(path)
        try:
            status = path.stat()
            marks = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
            settled = self._now() - max(status.st_mtime, status.st_ctime) > _UNSURE_S
            if known is not None and known.marks == marks and settled:
                return known
            content = path.read_bytes()
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not path.is_symlink():
                self._read.pop(path, None)
                return None
            # A link is there and what it names is not: that is no deletion either.
            problem = Problem(str(path), f"cannot be read ({error})")
            return Content((), str(error), UsersFile(problems=(problem,)))
        digest = hashlib.sha256(content).hexdigest()
        if known is None or known.digest != digest:
            known = Content(marks, digest, check_users_file(path, content))
        self._read[path] = Content(marks, digest, known.file)
        return self._read[path]

    def _folder_marks(self) -> tuple[int, ...]:
        # A file that came back for a moment has left its trace in the folder.
        status = self._folder.stat()
        return (status.st_mtime_ns, status.st_ino)

    def _digest_of(self, path: Path) -> str:
        content = self._read.get(path)
        return content.digest if content else ""

    def _untold(self, faults: list[tuple[Problem, str]]) -> list[Problem]:
        new: list[Problem] = []
        self.faults = tuple(str(problem) for problem, _ in faults)
        for problem, digest in faults:
            key = (str(problem), digest)
            if key in self._told:
                continue
            self._told.add(key)
            if not (self._is_first and str(problem) in self._told_at_start):
                new.append(problem)
        # What is no longer wrong is told again should it come back.
        self._told &= {(str(problem), digest) for problem, digest in faults}
        return new


def _by_file(users: Iterable[UserSettings]) -> dict[Path, _Entries]:
    found: defaultdict[Path, _Entries] = defaultdict(tuple)
    for user in users:
        found[user.file] += (user,)
    return dict(found)


def _same(some: _Entries, others: _Entries) -> bool:
    return [user.model_dump() for user in some] == [user.model_dump() for user in others]
