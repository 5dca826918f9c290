"""The symbols of executions."""

from __future__ import annotations

import logging
from collections.abc import Callable

from bot.domain.errors import InvalidAmount
from bot.domain.ids import AccountId

_log = logging.getLogger("nija.stream")


class KnownSymbols:
    """Canonical symbols of a venue's spellings; says once of each other thing that it is left out.

    Args:
        symbol_of: the canonical symbol of a spelling; raises InvalidAmount when it is not listed.
    """

    def __init__(self, account: AccountId, symbol_of: Callable[[str], str]) -> None:
        self._account = account
        self._symbol_of = symbol_of
        self._left_out: set[str] = set()

    def find(self, spelling: str) -> str | None:
        """The canonical symbol; None for what cannot be traded here."""
        try:
            return self._symbol_of(spelling)
        except InvalidAmount:
            self.leave_out(spelling)
            return None

    def leave_out(self, what: str) -> None:
        """Say, once, that trades of this kind are not followed."""
        if what not in self._left_out:
            self._left_out.add(what)
            _log.warning("%s: trades of %s are not followed", self._account, what)
