"""Asks the accounts for their orders, and compares each as it has answered."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from bot.app.check.compare import Findings, LedgerOrder, Look, compare_coins, compare_orders
from bot.broker_manager import BaseBroker, BrokerManager
from bot.domain.errors import NijaError
from bot.domain.ids import AccountId, ClientOrderId
from bot.domain.orders import VenueOrder, is_master
from bot.ledger.journal import Ledger
from bot.ledger.rows import CopyRow, MasterOrderRow
from bot.ledger.views import Views

#: The venue's clock and ours may differ by this much.
_CLOCKS_DIFFER_S = 300.0
#: How often coins have to be missing before it is believed.
_COIN_LOOKS = 3
#: Seconds that the running bot may spend on a check before it looks for its next command.
_AT_A_TIME_S = 0.5
_ALL = sys.maxsize


@dataclass(slots=True)
class _Part:
    """One account on its way through the check."""

    broker: BaseBroker
    look: Look
    oldest: float | None
    answer: Future[list[VenueOrder]] | None = None
    due: float = 0.0
    heard: float = 0.0
    looks: int = 0
    orders: int = 0
    findings: Findings = field(default_factory=Findings)
    problem: str = ""


class LedgerCheck:
    """One comparison, driven by whoever waits for it: the accounts are asked in their lanes, side by side.

    Args:
        brokers: the accounts.
        views: of the ledger.
        since: unix seconds; None for everything that the ledger has.
        left_out: accounts that cannot be asked, and why.
        silent_after_s: without a page for so long an account counts as one that does not answer.
        coin_pause_s: how long coins that seem to be missing are waited for, twice: balances trail fills by seconds.
    """

    def __init__(
        self,
        brokers: Sequence[BaseBroker],
        views: Views,
        since: float | None = None,
        left_out: Mapping[AccountId, str] | None = None,
        *,
        silent_after_s: float = 120.0,
        coin_pause_s: float = 3.0,
    ) -> None:
        self._silent_after_s = silent_after_s
        self._coin_pause_s = coin_pause_s
        self._views = views
        self._since = since
        self._left_out = dict(left_out or {})
        self._unread = deque(brokers)
        self._waiting: list[_Part] = []
        self._asked: dict[Future[list[VenueOrder]], _Part] = {}
        self._through: list[_Part] = []
        self._cancelled = threading.Event()
        self.total = len(brokers)

    @property
    def through(self) -> int:
        """Accounts that are compared, or that could not be asked."""
        return len(self._through)

    @property
    def done(self) -> bool:
        """Whether every account is through."""
        return self.through == self.total

    def advance(self, within_s: float) -> bool:
        """Go on with it for so many seconds, a moment more at most; whether it is done.

        Raises:
            LedgerUnavailable: the ledger could not be read.
        """
        deadline = time.monotonic() + within_s
        while not self.done:
            if self._unread:
                self._waiting.append(self._read(self._unread.popleft()))
            else:
                self._ask()
                self._take_answers(deadline)
            if time.monotonic() >= deadline:
                break
        return self.done

    def cancel(self) -> None:
        """Ask for nothing more."""
        self._cancelled.set()
        for answer in self._asked:
            answer.cancel()

    def as_json(self) -> dict[str, Any]:
        """``since``; ``accounts``: name, orders at the venue, those among them that are not the bot's (``own_orders``;
        ``by_hand_orders`` where they became signals), problem or null; ``differences``, ``unsettled``: account, order,
        client_order_id, what, ledger, venue, mend."""
        parts = sorted(self._through, key=lambda part: (not is_master(part.broker.account), part.broker.account))
        accounts = [
            {
                "account": str(part.broker.account),
                "orders": part.orders,
                "own_orders": part.findings.own,
                "by_hand_orders": part.findings.by_hand,
                "problem": part.problem or None,
            }
            for part in parts
        ]
        accounts += [
            {"account": str(account), "orders": 0, "own_orders": 0, "by_hand_orders": 0, "problem": reason}
            for account, reason in sorted(self._left_out.items())
        ]
        return {
            "since": self._since,
            "accounts": accounts,
            "differences": [asdict(one) for part in parts for one in part.findings.differences],
            "unsettled": [asdict(one) for part in parts for one in part.findings.unsettled],
        }

    def _read(self, broker: BaseBroker) -> _Part:
        rows = ledger_orders(self._views, broker.account)
        states = {name: row.state for row in rows for name in row.names}
        coins = self._coins(broker.account)
        return _Part(broker, Look(0.0, 0.0, states, coins), min((row.time for row in rows), default=None))

    def _coins(self, account: AccountId) -> dict[str, Decimal]:
        return {coins.symbol: coins.quantity for coins in self._views.copied_coins(account)}

    def _ask(self) -> None:
        now = time.monotonic()
        due = [part for part in self._waiting if part.due <= now]
        self._waiting = [part for part in self._waiting if part.due > now]
        for part in due:
            if part.broker.connected:
                self._ask_one(part)
            else:
                self._end(part, part.broker.status)

    def _ask_one(self, part: _Part) -> None:
        if not part.looks:
            part.look.at = time.time()
            part.look.since = self._since_of(part)
        part.heard = time.monotonic()

        def heard() -> None:
            part.heard = time.monotonic()

        since = part.look.since - _CLOCKS_DIFFER_S if not part.looks else time.time()
        part.answer = part.broker.list_orders(max(since, 0.0), heard)
        self._asked[part.answer] = part

    def _since_of(self, part: _Part) -> float:
        if self._since is not None:
            return self._since
        if part.oldest is not None:
            return part.oldest
        # An account that the ledger knows no order of: it may have had some, before an older backup was restored.
        known = [other.oldest for other in (*self._parts(), part) if other.oldest is not None]
        return min(known, default=part.look.at)

    def _parts(self) -> Iterator[_Part]:
        yield from self._waiting
        yield from self._asked.values()
        yield from self._through

    def _take_answers(self, deadline: float) -> None:
        next_due = min((part.due for part in self._waiting), default=deadline)
        timeout = max(0.0, min(deadline, next_due) - time.monotonic())
        if not self._asked:
            self._cancelled.wait(timeout)
            return
        answered, _ = wait(self._asked, timeout, FIRST_COMPLETED)
        for answer in answered:
            self._take(self._asked.pop(answer), answer)
            if time.monotonic() >= deadline:
                return
        self._give_up_silent_ones()

    def _give_up_silent_ones(self) -> None:
        for answer, part in list(self._asked.items()):
            if time.monotonic() - part.heard > self._silent_after_s and not answer.done():
                answer.cancel()
                del self._asked[answer]
                self._end(part, f"no answer for {self._silent_after_s:g} s")

    def _take(self, part: _Part, answer: Future[list[VenueOrder]]) -> None:
        account = part.broker.account
        try:
            listed = answer.result()
            balances = part.broker.get_account_balance_detailed()
        except (NijaError, CancelledError) as error:
            self._end(part, str(error) or type(error).__name__)
            return
        rows = ledger_orders(self._views, account)
        if not part.looks:
            part.orders = len(listed)
            part.findings = compare_orders(account, rows, listed, part.look, self._covered(account, listed))
        part.looks += 1
        missing = compare_coins(account, part.look.coins, self._coins(account), rows, balances)
        if missing and part.looks < _COIN_LOOKS:
            part.due = time.monotonic() + self._coin_pause_s
            self._waiting.append(part)
            return
        part.findings.differences.extend(missing)
        self._end(part)

    def _covered(self, account: AccountId, listed: Sequence[VenueOrder]) -> dict[str, Decimal]:
        return self._views.covered(account, [order.order_id for order in listed]) if is_master(account) else {}

    def _end(self, part: _Part, problem: str = "") -> None:
        part.problem = problem
        self._through.append(part)


class LedgerChecks:
    """Comparisons that other processes ask of the running bot, a step a command, so that no command waits long."""

    def __init__(self, manager: BrokerManager, ledger: Ledger) -> None:
        self._manager = manager
        self._ledger = ledger
        self._name = ""
        self._check: LedgerCheck | None = None

    def go_on(self, payload: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Carry out a ``ledger_check`` command: ``check``, any name of it; ``since``, unix seconds or null.

        The first one of a name begins the check, and ends the one before; the same again goes on with it.

        Returns:
            ``through``, ``total``, and once it is done ``report``, see :meth:`LedgerCheck.as_json`.
        """
        name, since = str(payload["check"]), payload["since"]
        if self._check is None or name != self._name:
            if self._check is not None:
                self._check.cancel()
            self._name, self._check = name, LedgerCheck(self._manager.brokers, self._ledger.views, since)
        check = self._check
        result: dict[str, Any] = {"through": check.through, "total": check.total}
        if check.advance(_AT_A_TIME_S):
            result = {"through": check.through, "total": check.total, "report": check.as_json()}
            self._check = None
        return result, False


def ledger_orders(views: Views, account: AccountId) -> list[LedgerOrder]:
    """Every order of an account that the ledger has, whatever became of it, under all names that it had.

    Raises:
        LedgerUnavailable: the ledger could not be read.
    """
    own = [_ledger_order(row, (row.client_order_id,), row.intended_at) for row in views.own_orders_of(account)]
    if is_master(account):
        return own
    copies = [row for row in views.recent_copies(_ALL, account.name) if row.account == account]
    return own + [_copy(row, _former_names(views, row)) for row in copies]


def _former_names(views: Views, row: CopyRow) -> list[ClientOrderId]:
    if row.attempt <= 1:
        return []
    return [event.client_order_id for event in views.events_of(row.client_order_id)]


def _copy(row: CopyRow, former: Sequence[ClientOrderId]) -> LedgerOrder:
    names = tuple(dict.fromkeys((row.client_order_id, *former)))
    return _ledger_order(row, names, row.planned_at)


def _ledger_order(row: CopyRow | MasterOrderRow, names: tuple[ClientOrderId, ...], at: float) -> LedgerOrder:
    return LedgerOrder(
        names,
        row.symbol,
        row.state,
        row.reason,
        row.order_id,
        row.executed,
        row.cost,
        row.fee,
        at,
        row.answered_at or 0.0,
    )
