"""Writes that may be made again, when the first one was committed after its caller had been told that it was not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future

from sqlalchemy import Connection

from bot.ledger.writer import Writer

_log = logging.getLogger("nija.ledger")


class UnsentWrites:
    """Remembers names under which something was written and nothing was sent.

    A second write of such a name takes the place of the first; once it is committed, the name is like any other.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._names: set[str] = set()

    def begin(self, name: str, write: Callable[[Connection, bool], bool]) -> Future[bool]:
        """Begin a waited write.

        Args:
            write: also told whether what it finds under this name was never sent; answers whether it wrote.

        Raises:
            LedgerUnavailable: the ledger is closed.
        """
        claimed = False

        def action(connection: Connection) -> bool:
            nonlocal claimed
            # Claimed once: of two writes in one transaction the second meets what the first one sends.
            if name in self._names:
                self._names.discard(name)
                claimed = True
            return write(connection, claimed)

        def give_back(answer: Future[bool]) -> None:
            if claimed and answer.exception() is not None:
                self._names.add(name)

        def late(written: bool) -> None:
            if written:
                _log.warning("the ledger has written %s after all; nothing of it was sent", name)
                self._names.add(name)

        answer = self._writer.begin(action, late)
        answer.add_done_callback(give_back)
        return answer
