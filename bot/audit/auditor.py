"""Writes the log beside the running bot, off the way of every order."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Protocol

from bot.audit.chain import AuditChain
from bot.audit.check import ChainCheck
from bot.audit.entries import Draft, Entry
from bot.audit.marks import Marks
from bot.audit.pages import latest_entries
from bot.domain.errors import LedgerUnavailable
from bot.runtime.service import Service

_log = logging.getLogger("nija.audit")

POLL_S, LEFT_ALONE_S = 0.5, 3.0
#: Seconds between two batches, for the threads that trade.
_BREATH_S = 0.02
#: Seconds for which a number that was jumped over is looked for.
_HOLE_S = 60.0
#: Entries that wait while the log cannot be written.
_MOST_WAITING = 10_000
#: Lines that are checked between two looks, and seconds until everything is checked anew.
_CHECKED_AT_ONCE, _CHECK_AGAIN_S = 1000, 3600.0


class LedgerSource(Protocol):
    """What the ledger has, as drafts."""

    def state(self) -> Hashable:
        """Changes whenever there may be something new; cheap."""

    def drafts(self, marks: Marks, holes: Collection[int]) -> list[Draft]:
        """What comes behind the marks, oldest first, at most a few hundred; also the events of these numbers."""

    def rejoin(self, chain: AuditChain) -> list[Draft]:
        """What is to be said first, where the ledger is not the one that the log was written beside."""


class Auditor(Service):
    """Tails the ledger, and takes what others tell it.

    While the log cannot be written nothing else is disturbed: what the ledger has is written later, what others told
    waits in memory.

    Args:
        trouble: told once when the log cannot be written, with the reason.
        poll_s: seconds between two looks at the ledger.
        left_alone_s: how long a busy ledger is left alone: hashing would slow its orders down.
    """

    def __init__(
        self,
        chain: AuditChain,
        source: LedgerSource,
        trouble: Callable[[str], None],
        *,
        poll_s: float = POLL_S,
        left_alone_s: float = LEFT_ALONE_S,
    ) -> None:
        super().__init__("auditor")
        self._poll_s, self._left_alone_s = poll_s, left_alone_s
        self._chain = chain
        self._source = source
        self._trouble = trouble
        self._told: deque[Draft] = deque()
        self._lost = 0
        self._turn = threading.Lock()
        self._joined = False
        self._failing = ""
        self._done_to: Hashable = None
        self._seen: Hashable = None
        self._waits_since: float | None = None
        self._holes: dict[int, float] = {}
        self._check = ChainCheck(chain.folder)
        self._checked_at = 0.0
        self._faults: tuple[str, ...] = ()

    def tell(self, draft: Draft) -> None:
        """Have this written soon; returns at once, from any thread."""
        if len(self._told) >= _MOST_WAITING:
            self._lost += 1
            return
        self._told.append(draft)

    @property
    def problem(self) -> str | None:
        """What is wrong with the log, in one line; None: nothing that is known."""
        if self._failing:
            return self._failing
        return self._faults[0] if self._faults else None

    @property
    def intact(self) -> bool:
        """Whether nothing was found wrong with what was checked so far; the check goes on in the background."""
        return not self._faults

    def page(self, limit: int, before: int | None = None) -> tuple[list[Entry], bool, str | None]:
        """The latest entries, newest first, whether the log is intact, and what is wrong with it."""
        try:
            return latest_entries(self._chain.folder, limit, before), self.intact, self.problem
        except OSError as error:
            return [], self.intact, f"the audit log cannot be read: {error.strerror or error}"

    def finish(self, within_s: float = 2.0) -> bool:
        """Write what is left and end; whether it did. Call it before the ledger is closed."""
        self.stop()
        deadline = time.monotonic() + within_s
        ended = self.join(deadline)
        while ended and time.monotonic() < deadline:
            if not self._write_some():
                return not self._failing
        return False

    # -- in its thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            self._look()
            self._stop.wait(self._poll_s)

    def _look(self) -> None:
        while self._told or self._is_due():
            if not self._write_some() or self._stop.wait(_BREATH_S):
                return
        self._check_some()

    def _is_due(self) -> bool:
        """The ledger has news, and is at rest or was left alone for long enough."""
        try:
            state = self._source.state()
        except LedgerUnavailable:
            return False
        if self._joined and state == self._done_to and not self._holes_to_ask():
            return False
        now = time.monotonic()
        self._waits_since = self._waits_since or now
        is_at_rest = state == self._seen
        self._seen = state
        return is_at_rest or now - self._waits_since >= self._left_alone_s

    def _write_some(self) -> bool:
        """One batch; whether there may be more."""
        with self._turn:
            try:
                return self._write_batch()
            except LedgerUnavailable as error:
                _log.debug("the ledger cannot be read for the audit log: %s", error)
            except OSError as error:
                self._fail(error)
            return False

    def _write_batch(self) -> bool:
        marks = self._chain.look()
        if not self._joined:
            self._chain.append(self._source.rejoin(self._chain))
            self._joined = True
        state = self._source.state()
        of_ledger = self._source.drafts(marks := self._chain.marks, self._holes_to_ask())
        told = list(self._told)
        self._chain.append([*told, *of_ledger])
        for _ in told:
            self._told.popleft()
        self._note_holes(marks)
        if not of_ledger:
            self._done_to, self._waits_since = state, None
        if self._failing:
            lost = f"; {self._lost} entries were lost meanwhile" if self._lost else ""
            _log.warning("the audit log can be written again%s", lost)
            self._failing, self._lost = "", 0
        return bool(of_ledger or told)

    def _holes_to_ask(self) -> Sequence[int]:
        now = time.monotonic()
        return [number for number, since in self._holes.items() if now - since < _HOLE_S]

    def _note_holes(self, marks: Marks) -> None:
        now = time.monotonic()
        self._holes = {number: self._holes.get(number, now) for number in marks.holes}

    def _fail(self, error: OSError) -> None:
        reason = (
            f"the audit log {self._chain.folder} cannot be written: {error.strerror or error}; make room, or mend it"
        )
        if self._failing:
            return
        self._failing = reason
        _log.error("❌ %s (trading goes on; what is left out is written later)", reason)
        self._trouble(reason)

    def _check_some(self) -> None:
        try:
            if not self._check.advance(_CHECKED_AT_ONCE):
                return
        except OSError as error:
            _log.debug("the audit log cannot be checked: %s", error)
            return
        self._check.finish()
        faults = tuple(str(fault) for fault in self._check.faults)
        if faults and faults != self._faults:
            _log.error("❌ the audit log is not intact: %s; look at: python bot.py audit verify", faults[0])
        self._faults = faults
        now = time.monotonic()
        if faults or now - self._checked_at > _CHECK_AGAIN_S:
            self._checked_at = now
            self._check = ChainCheck(self._chain.folder)
