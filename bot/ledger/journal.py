"""The front of the ledger: what is written, and what must be known at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Connection

from bot.domain.enums import OrderState
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.domain.orders import MarketOrder, OrderReport, is_own
from bot.domain.outcomes import Outcome, Rejected
from bot.domain.ports import Clock
from bot.domain.signals import PlannedCopy, TradeSignal
from bot.ledger.coins import write_off
from bot.ledger.commands import (
    ALL_KINDS,
    Command,
    Kinds,
    add_command,
    as_json,
    claim_command,
    end_command,
    is_command_queued,
    withdraw_command,
)
from bot.ledger.database import Database
from bot.ledger.entries import AccountSeen, Answered, Resized, Settled, note_of_refusal
from bot.ledger.outcomes import apply_entries
from bot.ledger.plans import write_attempt, write_intent, write_one_more, write_plan
from bot.ledger.rows import OwnPosition
from bot.ledger.switches import KILL, KillSwitch, Switch, lift_switch, read_switch, read_switches, set_switch
from bot.ledger.tables import schema_version
from bot.ledger.unsent import UnsentWrites
from bot.ledger.views import Views
from bot.ledger.watching import WatchingLedger
from bot.ledger.writer import Writer
from bot.runtime.service import Ticker

__all__ = ["Command", "KillSwitch", "Ledger", "Switch"]

_log = logging.getLogger("nija.ledger")
_T = TypeVar("_T")

#: How long a look at the coins waits for fills that are still queued.
_FILLS_WITHIN_S = 1.0

_TIDY_EVERY_S = 10.0


class Ledger(WatchingLedger):
    """Implements :class:`bot.domain.ports.OrderJournal`, and keeps the switch, the commands and the accounts.

    Waited writes (plans, intents, the switch, commands) return after their commit and raise ``LedgerUnavailable`` when
    nothing was committed. Queued ones (answers, fills, accounts) return at once; while the database cannot be written
    they stay and are tried again, in their order.

    A connection that breaks during a commit leaves open whether it was done. A waited write then waits up to
    ``doubt_s`` seconds for the database to tell; after that it raises, its caller sends nothing, and the same write may
    be tried again: should the first one turn out to be committed, the second takes its place.

    Args:
        url: SQLAlchemy URL: ``sqlite:////absolute/path``, ``sqlite://`` for memory, ``postgresql+psycopg://...``.
        clock: where times of rows come from.
        busy_timeout_s: how long a write waits for another process.
        linger_s: how long queued entries wait for company.
        retry_s: pause between attempts while the database cannot be written.
        doubt_s: how long a waited write waits when nobody knows whether it was committed.

    Raises:
        LedgerUnavailable: the URL cannot be read.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        busy_timeout_s: float = 5.0,
        linger_s: float = 0.01,
        retry_s: float = 1.0,
        doubt_s: float = 2.0,
    ) -> None:
        self._database = Database(url, busy_timeout_s=busy_timeout_s)
        self._clock = clock
        self._writer = Writer(
            self._database,
            apply_entries,
            self._probe,
            note_of_refusal,
            linger_s=linger_s,
            retry_s=retry_s,
            doubt_s=doubt_s,
        )
        self._unsent = UnsentWrites(self._writer)
        self._tidier = Ticker("ledger-tidier", self._database.tidy, _TIDY_EVERY_S)
        self.views = Views(self._database)

    def open(self) -> None:
        """Create what is missing and start to write. Once only.

        Raises:
            LedgerUnavailable: it cannot be opened; path, cause and mend are in the text.
        """
        try:
            self._database.prepare(self._clock.time())
        except LedgerUnavailable:
            self._database.dispose()
            raise
        self._writer.start()
        if self._database.tidies:
            self._tidier.start()

    def close(self, timeout_s: float = 5.0) -> bool:
        """Write what is queued and end; what could not be written in time is logged in full and answered with False."""
        deadline = time.monotonic() + timeout_s
        written = not self._writer.alive or self._writer.flush(timeout_s)
        self._writer.stop(max(0.0, deadline - time.monotonic()))
        self._tidier.stop()
        ended = self._writer.join(deadline + 0.5) and self._tidier.join(deadline + 0.5)
        for entry in self._writer.unwritten():
            _log.error("the ledger %s was closed before this was written: %s", self._database.label, entry)
        if ended:
            self._database.dispose()
        return written and ended

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def healthy(self) -> bool:
        """Whether the last commit succeeded. While it is False, writing is tried again all the time."""
        return self._writer.healthy

    @property
    def last_error(self) -> str:
        """Why the last commit failed, or empty."""
        return self._writer.last_error

    def flush(self, timeout_s: float) -> bool:
        """Whether everything queued so far is committed within ``timeout_s`` seconds."""
        return self._writer.flush(timeout_s)

    def record_plan(self, signal: TradeSignal, copies: Sequence[PlannedCopy], observe_only: bool = False) -> bool:
        """Commit a signal with all its copies; False when this signal was recorded before (nothing is written then).

        A part of an order by hand is also refused when it does not go on from what is covered of that order.

        Raises:
            LedgerUnavailable: nothing was committed; nothing may be sent.
        """
        return self.begin_plan(signal, copies, observe_only).result()

    def begin_plan(
        self, signal: TradeSignal, copies: Sequence[PlannedCopy], observe_only: bool = False
    ) -> Future[bool]:
        """As :meth:`record_plan`, without the wait: its answer, or its error, is in the future.

        Raises:
            LedgerUnavailable: the ledger is closed.
        """
        at = self._clock.time()
        return self._unsent.begin(
            signal.signal_id,
            lambda connection, anew: write_plan(connection, signal, copies, at, observe_only=observe_only, anew=anew),
        )

    def intend(self, order: MarketOrder) -> None:
        """Commit an order before it is sent: a new one that copies nothing, or a planned copy that leaves now.

        Raises:
            LedgerUnavailable: nothing was committed; nothing may be sent.
            IllegalTransition: this order was sent before; it may not be sent again.
        """
        at = self._clock.time()
        self._writer.run(
            lambda connection: write_intent(connection, order, at), lambda _: self._take_intent_back(order)
        )

    def add_copy(self, copy: PlannedCopy, signal: TradeSignal) -> bool:
        """Commit one more copy (a later leg) of a recorded signal; False when one of its name is there already.

        Raises:
            LedgerUnavailable: nothing was committed, or the signal is not recorded.
        """
        at = self._clock.time()
        return self._unsent.begin(
            copy.client_order_id, lambda connection, anew: write_one_more(connection, copy, signal, at) or anew
        ).result()

    def begin_attempt(self, before: MarketOrder, order: MarketOrder, deadline: float | None = None) -> None:
        """Commit that a copy goes on: its order ``before`` was proven absent, or never left.

        Args:
            before: as the copy is named now.
            order: what leaves next, with its own quantity, attempt and name (the same where names are unique for good).
            deadline: unix seconds after which the venue must not match the new one; None keeps the old one's.

        Raises:
            LedgerUnavailable: nothing was committed; nothing may be sent.
            IllegalTransition: the copy is in a state from which nothing is sent, or made this attempt before.
        """
        at = self._clock.time()
        self._unsent.begin(
            order.client_order_id,
            lambda connection, anew: write_attempt(connection, before, order, at, deadline, anew=anew),
        ).result()

    def write_off(self, account: AccountId, symbol: str, quantity: Decimal, reason: str) -> Decimal:
        """Commit that coins which copying bought are no longer there, for the user sold them by hand.

        Args:
            quantity: base.

        Returns:
            How many were taken off: never more than there were.

        Raises:
            LedgerUnavailable: nothing was committed.
        """
        at = self._clock.time()
        return self._writer.run(lambda connection: write_off(connection, account, symbol, quantity, reason, at))

    def answered(
        self, order: MarketOrder, outcome: Outcome, state: OrderState, milliseconds: float | None = None
    ) -> None:
        """Queue the venue's answer; ``milliseconds`` since the master's was answered, for copies."""
        self._writer.queue(Answered(order, outcome, state, milliseconds, self._clock.time()))

    def settled(self, order: MarketOrder, report: OrderReport, state: OrderState) -> None:
        """Queue the fill. Coins of users move by the fills in the report that are new, and by nothing else."""
        self._writer.queue(Settled(order, report, state, self._clock.time()))

    def resized(self, order: MarketOrder) -> None:
        """Queue the quantity that really leaves."""
        self._writer.queue(Resized(order, self._clock.time()))

    def record_account(
        self, account: AccountId, connected: bool, status: str, balance: Decimal | None, equity: Decimal | None
    ) -> None:
        """Queue how an account looks now; balance and equity in US dollars, None when not known."""
        self._writer.queue(AccountSeen(account, connected, status, balance, equity, self._clock.time()))

    def copied_coins(self, account: AccountId | None = None) -> dict[tuple[AccountId, str], Decimal]:
        """Coins (base) that copying bought, by account and symbol; those of fills that are still queued are waited for.

        Raises:
            LedgerUnavailable: the ledger could not be read, or fills could not be written.
        """
        self._await_fills()
        return {(coins.account, coins.symbol): coins.quantity for coins in self.views.copied_coins(account)}

    def positions_of(self, account: AccountId) -> dict[str, OwnPosition]:
        """What an account's own orders bought and have not sold again, by symbol; fills still queued are waited for.

        Raises:
            LedgerUnavailable: the ledger could not be read, or fills could not be written.
        """
        self._await_fills()
        return self.views.positions_of(account)

    def set_switch(self, name: str, reason: str, by: str) -> Switch | None:
        """Set a switch (:mod:`bot.ledger.switches`) for every process on this ledger; the latest reason stands.

        Returns:
            What it was before; None when it was not set.

        Raises:
            LedgerUnavailable: it is not set.
        """
        at = self._clock.time()
        was = self._writer.run(lambda connection: set_switch(connection, name, reason, by, at))
        _log.info("%s switch set by %s: %s", name, by, reason)
        return was

    def lift_switch(self, name: str, by: str) -> Switch | None:
        """Lift a switch; lifting one that is not set does nothing.

        Returns:
            What it was before; None when it was not set.

        Raises:
            LedgerUnavailable: it is still set.
        """
        was = self._writer.run(lambda connection: lift_switch(connection, name))
        if was is not None:
            _log.info("%s switch lifted by %s", name, by)
        return was

    def switches(self) -> dict[str, Switch]:
        """Every switch that is set now, by its name, whoever set it; cheap enough to ask often.

        Raises:
            LedgerUnavailable: not known; what was known before stands.
        """
        return self._look(read_switches)

    def set_kill_switch(self, reason: str, by: str) -> None:
        """Stop all trading, here and in every process on this ledger; the latest reason stands.

        Raises:
            LedgerUnavailable: it is not set.
        """
        self.set_switch(KILL, reason, by)

    def lift_kill_switch(self, by: str) -> None:
        """Allow trading again.

        Raises:
            LedgerUnavailable: it is still set.
        """
        self.lift_switch(KILL, by)

    def kill_switch(self) -> KillSwitch | None:
        """The kill switch as it is now, whoever set it; cheap enough to ask often.

        Raises:
            LedgerUnavailable: not known; treat it as set.
        """
        return self._look(read_switch)

    def post_command(self, kind: str, payload: Mapping[str, Any], request_key: str | None = None) -> int:
        """Queue a command for the running bot; returns its number.

        Args:
            request_key: names the request: asked again under the same name it stays one command, whose number is
                returned; None for a request that is never asked again.

        Raises:
            LedgerUnavailable: it is not queued, or nobody can tell yet; under a key it may be asked again.
            RequestKeyTaken: the key belongs to a command of another kind or payload; nothing is queued.
        """
        at, text = self._clock.time(), as_json(payload)
        return self._writer.run(lambda connection: add_command(connection, kind, text, at, request_key))

    def take_command(self, kinds: Kinds = ALL_KINDS) -> Command | None:
        """Take the oldest queued command of these kinds, if any; nobody else gets it.

        Raises:
            LedgerUnavailable: none was taken.
        """
        if not self._look(lambda connection: is_command_queued(connection, kinds)):
            return None
        at = self._clock.time()
        return self._writer.run(lambda connection: claim_command(connection, at, kinds))

    def finish_command(self, number: int, result: Mapping[str, Any], failed: bool = False) -> None:
        """Write what became of a command.

        Raises:
            LedgerUnavailable: it is not written.
        """
        at, text = self._clock.time(), as_json(result)
        self._writer.run(lambda connection: end_command(connection, number, text, at, failed=failed))

    def withdraw_command(self, number: int) -> bool:
        """Take a command back that nobody has taken yet; False where somebody has, who may carry it out.

        Raises:
            LedgerUnavailable: it is not known.
        """
        at, text = self._clock.time(), as_json({"error": "taken back: nobody took it in time"})
        return self._writer.run(lambda connection: withdraw_command(connection, number, text, at))

    def command(self, number: int) -> Command:
        """One command.

        Raises:
            LookupError: there is none of this number.
            LedgerUnavailable: the ledger could not be read.
        """
        return self.views.command(number)

    def _take_intent_back(self, order: MarketOrder) -> None:
        # An order that copies nothing has a fresh name each time: this one never comes again. A copy's does.
        if is_own(order):
            why = Rejected("not sent: the ledger did not answer in time", sent=False)
            self.answered(order, why, OrderState.REJECTED)

    def _await_fills(self) -> None:
        if not self._writer.flush(_FILLS_WITHIN_S):
            raise LedgerUnavailable(self.last_error or "the ledger is behind with its fills: try again")

    def _look(self, read: Callable[[Connection], _T]) -> _T:
        with self._database.reading() as connection:
            return read(connection)

    def _probe(self, connection: Connection) -> None:
        connection.execute(schema_version.update().values(written_at=self._clock.time()))
