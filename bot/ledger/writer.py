"""One thread that writes for all others, many entries to a commit.

Many threads with connections of their own stall each other on SQLite for seconds; one that commits in groups does not.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Connection

from bot.domain.errors import LedgerUnavailable, NijaError
from bot.ledger.database import CommitUnclear, Database, cause_of, is_storage_fault
from bot.ledger.entries import Answered, Entry
from bot.runtime import crash
from bot.runtime.service import Service

_log = logging.getLogger("nija.ledger")
_T = TypeVar("_T")

#: Entries of one transaction at most, so that no statement has more parameters than a database takes.
_LARGEST_GROUP = 1000


@dataclass(frozen=True, slots=True, eq=False)
class _Waited:
    """Something that a caller waits for.

    Attributes:
        late: told the result when it turns out to be committed after its caller was told that it was not.
    """

    action: Callable[[Connection], Any]
    late: Callable[[Any], None] | None = None
    answer: Future[Any] = field(default_factory=Future)


_Item = _Waited | Entry


class Writer(Service):
    """Commits waited actions and queued entries, in the order in which they came.

    A group that the database refuses is done again one by one, so that one bad entry takes no other with it. When the
    database cannot be written at all, waited actions fail, queued entries stay and are tried again. When the connection
    breaks during a commit, nothing else is written until the database has told whether that commit was done.

    Args:
        database: where to.
        apply: writes a run of entries, in order, within the transaction given.
        probe: a write that shows whether the database can be written again.
        on_refused: told of an entry that the database will never take; may return another one in its place.
        linger_s: how long queued entries wait for company.
        retry_s: pause between attempts while the database cannot be written.
        doubt_s: how long a waited action waits when nobody knows whether it was committed.
    """

    def __init__(
        self,
        database: Database,
        apply: Callable[[Connection, Sequence[Entry]], None],
        probe: Callable[[Connection], None],
        on_refused: Callable[[Entry, str], Entry | None],
        *,
        linger_s: float = 0.01,
        retry_s: float = 1.0,
        doubt_s: float = 2.0,
    ) -> None:
        super().__init__("ledger-writer")
        self._database = database
        self._apply = apply
        self._probe = probe
        self._on_refused = on_refused
        self._linger_s = linger_s
        self._retry_s = retry_s
        self._doubt_s = doubt_s
        self._changed = threading.Condition()
        self._pending: deque[_Item] = deque()
        self._in_hand: list[_Item] = []
        self._hurried = False
        self._singly = 0
        self._give_up_at = float("inf")
        self._queued = 0
        self._written = 0
        self._ended = False
        self.last_error = ""

    @property
    def healthy(self) -> bool:
        """Whether the last commit succeeded and the thread runs."""
        return self.alive and not self.last_error

    def queue(self, entry: Entry) -> None:
        """Hand over an entry; returns at once. Too late ones are logged in full."""
        with self._changed:
            if not self._ended:
                self._queued += 1
                self._pending.append(entry)
                self._changed.notify_all()
                return
        _log.error("the ledger is closed; not written: %s", entry)

    def run(self, action: Callable[[Connection], _T], late: Callable[[_T], None] | None = None) -> _T:
        """Do something in a transaction and return its result after the commit.

        Args:
            late: told the result, in the writer's thread, when it turns out to be committed after all, after this call
                raised.

        Raises:
            LedgerUnavailable: it did not commit, or nobody can tell yet; the text says which.
            NijaError: what the action itself raised.
        """
        result: _T = self.begin(action, late).result()
        return result

    def begin(self, action: Callable[[Connection], _T], late: Callable[[_T], None] | None = None) -> Future[_T]:
        """As :meth:`run`, without the wait.

        Raises:
            LedgerUnavailable: the ledger is closed.
        """
        item = _Waited(action, late)
        with self._changed:
            if self._ended or not self.alive:
                raise LedgerUnavailable("the ledger is closed: open it before anything is written")
            self._pending.append(item)
            self._hurried = True
            self._changed.notify_all()
        return item.answer

    def flush(self, timeout_s: float) -> bool:
        """Whether everything queued before this call is committed within ``timeout_s`` seconds."""
        with self._changed:
            mark = self._queued
            self._hurried = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._written >= mark or self._ended, timeout_s)
            return self._written >= mark

    def unwritten(self) -> list[Entry]:
        """Entries that were queued and are not committed."""
        with self._changed:
            return [item for item in (*self._in_hand, *self._pending) if not isinstance(item, _Waited)]

    def stop(self, within_s: float = 0.0) -> None:
        """Write what is pending, try for ``within_s`` seconds if that fails, then end."""
        with self._changed:
            self._give_up_at = time.monotonic() + within_s
            super().stop()
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            while (group := self._take()) is not None:
                self._write(group)
                with self._changed:
                    self._in_hand = []
        finally:
            self._end()

    def _take(self) -> list[_Item] | None:
        """The next group, an empty one to probe with, or None at the end."""
        with self._changed:
            self._wait_for_work()
            if self._stop.is_set() and (not self._pending or (self.last_error and self._too_late())):
                return None
            count = min(len(self._pending), 1 if self._singly else _LARGEST_GROUP)
            group = [self._pending.popleft() for _ in range(count)]
            self._singly = max(0, self._singly - 1)
            self._hurried = bool(self._pending)
            self._in_hand = group
            return group

    def _wait_for_work(self) -> None:
        if self.last_error:
            pause = min(self._retry_s, 0.05) if self._stop.is_set() else self._retry_s
            self._changed.wait_for(lambda: self._hurried or self._too_late(), pause)
            return
        self._changed.wait_for(lambda: self._pending or self._stop.is_set())
        self._changed.wait_for(lambda: self._hurried or self._stop.is_set(), self._linger_s)

    def _too_late(self) -> bool:
        return self._stop.is_set() and time.monotonic() >= self._give_up_at

    def _write(self, group: list[_Item]) -> None:
        try:
            answers = self._commit(group)
        except Exception as error:
            if is_storage_fault(error) or not group:
                self._keep(group, error)
            elif len(group) == 1:
                self._refuse(group[0], error)
            else:
                self._redo_singly(group)
        else:
            self._done(group, answers)

    def _commit(self, group: list[_Item]) -> list[Any]:
        answers: list[Any] = []
        try:
            with self._database.writing() as connection:
                if not group:
                    self._probe(connection)
                for waited, run in groupby(group, key=lambda item: isinstance(item, _Waited)):
                    if waited:
                        answers += [item.action(connection) for item in run if isinstance(item, _Waited)]
                    else:
                        self._apply(connection, [item for item in run if not isinstance(item, _Waited)])
        except CommitUnclear as unclear:
            if not self._was_committed(unclear):
                raise
        return answers

    def _was_committed(self, unclear: CommitUnclear) -> bool:
        """Asks until the database answers; whoever waits is told after a while that it is not known."""
        waiters_go_at = time.monotonic() + self._doubt_s
        while not self._too_late():
            with contextlib.suppress(LedgerUnavailable):
                committed = self._database.was_committed(unclear.number)
                if committed is not None:
                    return committed
            if time.monotonic() >= waiters_go_at:
                self._let_waiters_go(unclear)
            with self._changed:
                self._changed.wait_for(self._too_late, min(self._retry_s, 0.1))
        return False

    def _let_waiters_go(self, unclear: CommitUnclear) -> None:
        said = str(self._database.unavailable("written for sure", unclear))
        with self._changed:
            if self.last_error != said:
                _log.error("%s", said)
            self.last_error = said
            waiting = [item for item in (*self._in_hand, *self._pending) if isinstance(item, _Waited)]
            # What was not begun is not begun any more: its caller goes on without it.
            self._pending = deque(item for item in self._pending if not isinstance(item, _Waited))
        for item in waiting:
            if not item.answer.done():
                item.answer.set_exception(LedgerUnavailable(said))

    def _done(self, group: list[_Item], answers: list[Any]) -> None:
        for item in group:
            if isinstance(item, Answered):
                crash.reached("answer recorded")
        waited = [item for item in group if isinstance(item, _Waited)]
        with self._changed:
            if self.last_error:
                _log.info("the ledger can be written again")
            self.last_error = ""
            self._written += len(group) - len(waited)
            self._changed.notify_all()
        for item, answer in zip(waited, answers, strict=True):
            if not item.answer.done():
                item.answer.set_result(answer)
            elif item.late is not None:
                item.late(answer)

    def _keep(self, group: list[_Item], error: Exception) -> None:
        said = str(self._database.unavailable("written", error))
        with self._changed:
            if self.last_error != said:
                _log.error("%s", said)
            self.last_error = said
            self._pending.extendleft(item for item in reversed(group) if not isinstance(item, _Waited))
        for item in group:
            if isinstance(item, _Waited) and not item.answer.done():
                item.answer.set_exception(self._failure(error))

    def _redo_singly(self, group: list[_Item]) -> None:
        with self._changed:
            self._pending.extendleft(reversed(group))
            self._singly = len(group)
            self._hurried = True

    def _refuse(self, item: _Item, error: Exception) -> None:
        if isinstance(item, _Waited):
            item.answer.set_exception(error if isinstance(error, NijaError) else self._failure(error))
            return
        _log.error("the ledger refused an entry (%s): %s", cause_of(error), item, exc_info=error)
        instead = self._on_refused(item, cause_of(error))
        with self._changed:
            # What stands in for it is counted in its place, once that is written.
            if instead is None:
                self._written += 1
            else:
                self._pending.appendleft(instead)
                self._hurried = True
            self._changed.notify_all()

    def _failure(self, error: Exception) -> LedgerUnavailable:
        # One for each that waits: threads that raise the same object write into each other's traceback.
        failure = self._database.unavailable("written", error)
        failure.__cause__ = error
        return failure

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            left = [item.answer for item in (*self._in_hand, *self._pending) if isinstance(item, _Waited)]
            self._changed.notify_all()
        for answer in left:
            if not answer.done():
                answer.set_exception(LedgerUnavailable("the ledger was closed before this was written"))
