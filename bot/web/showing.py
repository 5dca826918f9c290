"""The state of the bot, of its accounts and of what the ledger has, put into the API's words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from bot.domain.enums import AccountType
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId
from bot.domain.money import MINIMUM_FUNDED_BALANCE
from bot.ledger.coins import CopiedCoins
from bot.ledger.page_queries import CopyCounts
from bot.ledger.rows import CopyRow, Counts, SignalRow
from bot.ledger.switches import KILL, OBSERVE, Switch
from bot.reporting.health import reason_not_healthy
from bot.reporting.live import AccountState, SystemState
from bot.web.answers import (
    AccountAnswer,
    AccountsAnswer,
    CoinsAnswer,
    CopyAnswer,
    CopyCountsAnswer,
    CountsAnswer,
    EngineAnswer,
    LimitsAnswer,
    SignalAnswer,
    StateAnswer,
    SwitchAnswer,
)
from bot.web.kept import Kept
from bot.web.parts import PageParts

#: Lines of trouble at most: the accounts' list has them all.
_MOST_TROUBLE = 50


class Showing:
    """Answers of the present. Safe to use from any thread."""

    def __init__(self, parts: PageParts) -> None:
        self._parts = parts
        self._counts = Kept[None, Counts](lambda _: parts.views.counts())
        self._coins = Kept[None, list[CopiedCoins]](lambda _: parts.views.copied_coins())

    def state(self) -> StateAnswer:
        """How the bot is now; also while the ledger cannot be read, which it then says."""
        parts, now = self._parts, self._parts.live.state()
        ledger_error, counts, switches = now.ledger_error, CountsAnswer(), dict[str, Switch]()
        try:
            switches = parts.queries.switches()
            counts = CountsAnswer(**asdict(self._counts.get(None)))
        except LedgerUnavailable as error:
            ledger_error = ledger_error or str(error)
        users = [one for one in now.accounts if one.role is AccountType.USER]
        trading = "stopped" if now.stopped is not None else "observe" if now.engine.observing else "active"
        return StateAnswer(
            version=parts.version,
            now=parts.clock.time(),
            started_at=now.started_at,
            trading=trading,
            stopped_reason=now.stopped or "",
            kill_switch=_switch(switches.get(KILL)),
            observe=_switch(switches.get(OBSERVE)),
            engine=EngineAnswer(
                alive=now.engine.alive,
                heartbeat_age_s=round(now.engine.heartbeat_age_s, 3),
                waiting=now.engine.waiting,
            ),
            ledger_error=ledger_error,
            restarts=now.restarts,
            counts=counts,
            masters=[str(one.account) for one in now.accounts if one.role is AccountType.MASTER],
            users_connected=sum(one.connected for one in users),
            users_total=len(users),
            strategy=parts.strategy,
            watch_master=parts.watch_master,
            trouble=list(_trouble(now, ledger_error, parts.problems()))[:_MOST_TROUBLE],
        )

    def accounts(self) -> AccountsAnswer:
        """Every account with its coins.

        Raises:
            LedgerUnavailable: the ledger cannot be read.
        """
        coins: dict[AccountId, list[CopiedCoins]] = {}
        for row in self._coins.get(None):
            coins.setdefault(row.account, []).append(row)
        return AccountsAnswer(
            accounts=[self._account(one, coins.get(one.account, [])) for one in self._parts.live.state().accounts]
        )

    def signals(self, rows: Sequence[SignalRow]) -> list[SignalAnswer]:
        """Signals with what became of their copies.

        Raises:
            LedgerUnavailable: the ledger cannot be read.
        """
        counts = self._parts.queries.copy_counts([row.signal_id for row in rows])
        return [_signal(row, counts[row.signal_id]) for row in rows]

    def _account(self, one: AccountState, coins: Iterable[CopiedCoins]) -> AccountAnswer:
        limits = self._parts.limits_of(one.account)
        return AccountAnswer(
            account=str(one.account),
            user_id=one.account.name,
            name=one.name,
            venue=one.account.venue,
            role=one.role,
            follows=None if one.follows is None else str(one.follows),
            connected=one.connected,
            funded=one.balance is not None and one.balance >= MINIMUM_FUNDED_BALANCE,
            paused=one.paused,
            barred=one.barred,
            status=one.status,
            entries_stopped=one.entries_stopped,
            balance=one.balance,
            equity=one.equity,
            balances_at=one.balances_at,
            waiting_orders=one.waiting_orders,
            limits=None if limits is None else LimitsAnswer(**asdict(limits)),
            coins=[CoinsAnswer(symbol=row.symbol, quantity=row.quantity, cost=row.cost) for row in coins],
        )


def copy_answer(row: CopyRow) -> CopyAnswer:
    """One copy."""
    return CopyAnswer(
        account=str(row.account),
        **{name: getattr(row, name) for name in CopyAnswer.model_fields if name != "account"},
    )


def _signal(row: SignalRow, counts: CopyCounts) -> SignalAnswer:
    return SignalAnswer(
        signal_id=row.signal_id,
        at=row.planned_at,
        venue=row.venue,
        master=str(row.master),
        symbol=row.symbol,
        side=row.side,
        price=row.price,
        size=row.size,
        size_type=row.size_type,
        by_hand=row.by_hand,
        observe_only=row.observe_only,
        copies=CopyCountsAnswer(
            copied=counts.copied,
            skipped=counts.skipped,
            failed=counts.failed,
            open=counts.open,
            unclear=counts.unclear,
        ),
        last_ms=counts.last_ms,
    )


def _switch(switch: Switch | None) -> SwitchAnswer | None:
    return None if switch is None else SwitchAnswer(**asdict(switch))


def _trouble(now: SystemState, ledger_error: str, problems: Iterable[str]) -> Iterable[str]:
    if ledger_error:
        yield f"ledger: {ledger_error}"
    elif reason := reason_not_healthy(now):
        yield f"engine: {reason}"
    for one in now.accounts:
        if not one.lane_alive:
            yield f"{one.account}: its thread does not run"
        elif not one.connected or one.paused or one.barred:
            yield f"{one.account}: {one.status or 'not connected'}"
    for name, count in sorted(now.restarts.items()):
        yield f"{name} died and was started again ({count} times)"
    yield from problems
